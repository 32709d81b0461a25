// eval and bench: that they measure, what they print, and that they fail where they must.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/cli.h"

namespace phios {
namespace {

class CliMeasure : public Cli {
 protected:
  nlohmann::json last_json(const std::vector<std::string>& args) const {
    const ChildResult ran = run(args);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    const std::vector<std::string> lines = lines_of(ran.output);
    return lines.empty() ? nlohmann::json() : nlohmann::json::parse(lines.back(), nullptr, false);
  }
};

TEST_F(CliMeasure, RandomWeightsEmitNothingButValidFrames) {
  const nlohmann::json frames = last_json({"--model", "random", "eval", "frames", "--n", "100", "--json"});
  EXPECT_EQ(frames["frames"], 100);
  EXPECT_EQ(frames["refused"], 0);
  size_t answered = 0;
  for (const auto& [name, count] : frames["answers"].items()) answered += count.get<size_t>();
  EXPECT_EQ(answered, 100u);
}

// Busy beaver of three states: 13 steps by Rado's count, which includes the one that halts.
TEST_F(CliMeasure, AMachineNeverTrainedOnRuns) {
  const ChildResult ran = run({"run", "utm"});
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const nlohmann::json end = nlohmann::json::parse(lines_of(ran.output).back(), nullptr, false);
  EXPECT_EQ(end["halted"], true);
  EXPECT_EQ(end["steps"], 13);
  EXPECT_EQ(end["tape"], "111111");
}

TEST_F(CliMeasure, RecordedRunsAreComparedStepByStep) {
  const char* table = R"({"rules":[{"state":"A","read":0,"write":1,"move":"R","next":"B"},
      {"state":"B","read":0,"write":1,"move":"L","next":"A"}],"start_state":"A"})";
  write("m.json", table);
  const auto recorded = [](const char* tape) {
    return nlohmann::json{{"name", "two"},        {"tape", "00"},       {"head", 0},
                          {"steps", 2},           {"final_head", 0},    {"halt_state", "A"},
                          {"final_first_one", 0}, {"final_tape", tape}, {"checkpoints", {{1, "B", 1}}}}
        .dump();
  };
  write("right.jsonl", recorded("11") + "\n");
  write("wrong.jsonl", recorded("10") + "\n");
  const ChildResult right =
      run({"eval", "utm", "--table", "m.json", "--runs", "right.jsonl", "--out", "o.jsonl"});
  EXPECT_EQ(right.exit_code, 0) << right.errors;
  EXPECT_EQ(json_lines(read("o.jsonl")).at(0)["exact"], true) << read("o.jsonl");
  run({"eval", "utm", "--table", "m.json", "--runs", "wrong.jsonl", "--out", "o.jsonl"});
  EXPECT_EQ(json_lines(read("o.jsonl")).at(0)["exact"], false);
}

nlohmann::json puzzle() {
  return {{"id", "a"},
          {"context", "Every lorpus is a brimpus. Each brimpus is not sour. Dana is a lorpus."},
          {"question", "Is the following statement true or false? Dana is sour."},
          {"options", {"A) True", "B) False"}},
          {"answer", "B"}};
}

TEST_F(CliMeasure, LogicInWords) {
  write("p.jsonl", puzzle().dump() + "\n");
  const nlohmann::json summary =
      last_json({"eval", "logic", "--data", "p.jsonl", "--out", "o.jsonl", "--json"});
  EXPECT_FALSE(summary.is_discarded());
  const nlohmann::json line = json_lines(read("o.jsonl")).at(0);
  EXPECT_EQ(line["answer"], "B");
  EXPECT_EQ(line["right"], true);
  EXPECT_GT(line["calls"], 0);
}

TEST_F(CliMeasure, RulesAreListed) {
  const ChildResult listed = run({"eval", "isa", "--list", "--json"});
  EXPECT_GE(json_lines(listed.output).size(), 1000u);
}

// What these tests see is the weights' doing: the same ones in another order get none of it right.
TEST_F(CliMeasure, ShuffledWeightsFailWhereTheRealOnesDoNot) {
  const std::pair<const char*, const char*> questions[] = {
      {"What is 12 times 34?", "408\n"},
      {"Nadia has 48 stamps and gets 27 more. How many has she?", "75\n"},
      {"What is 91 - 35?", "56\n"}};
  for (const auto& [question, answer] : questions) {
    EXPECT_EQ(run({"ask", question}).output, answer);
    EXPECT_NE(run({"--model", "shuffled", "ask", question, "--limit", "wall_ms=20000"}).output, answer);
  }
  write("p.jsonl", puzzle().dump() + "\n");
  EXPECT_EQ(last_json({"eval", "logic", "--data", "p.jsonl", "--out", "o.jsonl"})["right"], 1);
  EXPECT_EQ(
      last_json({"--model", "shuffled", "eval", "logic", "--data", "p.jsonl", "--out", "o.jsonl"})["right"],
      0);
}

TEST_F(CliMeasure, BenchesPrintTheirKeys) {
  const nlohmann::json step = last_json({"bench", "step", "--batch", "8", "--json"});
  EXPECT_GT(step["kernel_ns_per_sequence"], 0);
  EXPECT_EQ(last_json({"--model", "null:50257", "bench", "step", "--seconds", "0.1", "--json"})["vocabulary"],
            50257);
  const nlohmann::json sched = last_json({"bench", "sched", "--json"});
  for (const char* key : {"switch_ns", "syscall_c_ns", "syscall_lua_ns", "spawn_exit_ns", "roundtrip_ns",
                          "fork_4k_us", "fork_32k_us", "parked_bytes"})
    EXPECT_GT(sched[key], 0) << key;
}

}  // namespace
}  // namespace phios
