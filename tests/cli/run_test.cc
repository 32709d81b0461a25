// run, ask, tour, new, check, index, solver, sh: the main jobs with the embedded model.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/cli/cli.h"

namespace phios {
namespace {

using testing::HasSubstr;

class CliRun : public Cli {};

TEST_F(CliRun, TheTourAnswersFiveKindsOfQuestions) {
  const ChildResult tour = run({"tour", "--json"});
  EXPECT_EQ(tour.exit_code, 0) << tour.errors;
  const std::vector<nlohmann::json> stops = json_lines(tour.output);
  ASSERT_EQ(stops.size(), 5u);
  const char* answers[] = {"75", "Telmora", "false", "done", "470"};
  const char* calls[] = {"TOOL calc", "RETRIEVE", "EXEC logic", "JUMP loop", "SPAWN solve"};
  for (size_t i = 0; i < stops.size(); i++) {
    EXPECT_EQ(stops[i]["answer"], answers[i]);
    bool made = false;
    for (const nlohmann::json& call : stops[i]["calls"])
      made = made || call["call"].get<std::string>().starts_with(calls[i]);
    EXPECT_TRUE(made) << calls[i];
    EXPECT_GT(stops[i]["generated"], 0);
  }
  EXPECT_THAT(run({"tour"}).output, HasSubstr("TOOL calc \"48 + 27\" = 75"));
}

TEST_F(CliRun, AsksFromWordsAndFromStandardInput) {
  EXPECT_EQ(run({"ask", "What is 12 times 34?"}).output, "408\n");
  EXPECT_EQ(run({"ask", "-"}, "What is 12 times 34?\n").output, "408\n");
  const ChildResult declined = run({"ask", "Who wrote the third act, and why so late?"});
  EXPECT_EQ(declined.exit_code, 3);
  EXPECT_THAT(declined.output, HasSubstr("--model"));
}

TEST_F(CliRun, DocumentsAreFoundByTheNextProcess) {
  write("notes/brevik.md", "# Brevik\n\nBrevik is a country in the north. The capital of Brevik is Ostan.\n");
  EXPECT_EQ(run({"index", "notes"}).exit_code, 0);
  EXPECT_EQ(run({"ask", "What is the capital of Brevik?"}).output, "Ostan\n");
  EXPECT_THAT(run({"index", "--list"}).output, HasSubstr("default"));
}

// forwarded = prompt + generated + results - reused + recomputed: no token is computed twice.
TEST_F(CliRun, TokenCountsAddUp) {
  for (const char* question :
       {"What is 12 times 34?", "Tom has 3 apples and buys 4 more. How many has he?"}) {
    const ChildResult asked = run({"ask", question, "--stats", "json"});
    ASSERT_EQ(asked.exit_code, 0) << asked.errors;
    const nlohmann::json stats = nlohmann::json::parse(lines_of(asked.output).back());
    const auto of = [&](const char* key) { return stats.at(key).get<int64_t>(); };
    EXPECT_EQ(of("forwarded"),
              of("prompt") + of("generated") + of("results") - of("reused") + of("recomputed"));
    EXPECT_GT(of("generated"), 0);
  }
}

// ctx_generate guesses where it is asked to, and says the same.
TEST_F(CliRun, GuessesChangeNoText) {
  write("say.lua",
        "phi.ctx.append('Rules: the river runs past seven stones. The river runs past seven stones. The')\n"
        "local text, err = phi.ctx.generate({max_tokens = 80, speculate = tonumber(phi.mem.read('1'))})\n"
        "if not text then error(err.message) end\n"
        "phi.io.print((text:gsub('.', function(c) return string.format('%02x', c:byte()) end)))\n");
  const auto say = [&](const char* guesses) {
    return run({"--model", "random", "run", "say.lua", guesses, "--stats", "json"});
  };
  const ChildResult plain = say("0"), guessing = say("8");
  ASSERT_EQ(plain.exit_code, 0) << plain.errors;
  ASSERT_EQ(guessing.exit_code, 0) << guessing.errors;
  const auto stats = [](const ChildResult& ran) {
    return nlohmann::json::parse(lines_of(ran.output).back());
  };
  const std::string text = lines_of(plain.output).front();
  EXPECT_EQ(lines_of(guessing.output).front(), text);
  EXPECT_GT(text.size(), 80u);
  EXPECT_EQ(stats(plain).at("guessed"), 0);
  EXPECT_GT(stats(guessing).at("guessed"), stats(guessing).at("rejected"));
  const ChildResult refused = say("65");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.errors, HasSubstr("speculate: 65"));
}

// A script saves a context of so many sentences and goes on; another, in a run of its own, loads it and goes
// on likewise.
class CliSavedContext : public CliRun {
 protected:
  CliSavedContext() {
    const std::string next =
        "local text, err = phi.ctx.generate({max_tokens = 40, temperature = '0'})\n"
        "if not text then error(err.message) end\n"
        "phi.io.print((text:gsub('.', function(c) return string.format('%02x', c:byte()) end)))\n";
    write("save.lua",
          "phi.ctx.append(('Past seven stones runs the river, and the eighth is a bridge. "
          "'):rep(tonumber(phi.mem.read('1'))))\n"
          "phi.ctx.generate({max_tokens = 1, temperature = '0'})\n"  // computes the pages
          "assert(phi.ctx.save('/mem/story'))\n" +
              next);
    write("load.lua",
          "local ok, err = phi.ctx.load('/mem/story')\n"
          "if err then error(err.message) end\n" +
              next);
    EXPECT_EQ(run({"model", "random", "r.gguf", "--shape", "embd=64,layers=4,heads=4,ff=128,context=4096"})
                  .exit_code,
              0);
  }
  ChildResult execute(const std::string& model, const std::string& script,
                      const std::vector<std::string>& options, const std::string& sentences = "12") const {
    std::vector<std::string> args = {"--model", model};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"run", script, sentences, "--stats", "json"});
    return run(args);
  }
  static nlohmann::json stats(const ChildResult& ran) {
    return nlohmann::json::parse(lines_of(ran.output).back());
  }
  // The same text, of which 784 tokens were computed before, and no more than a few of them again.
  static void expect_goes_on(const ChildResult& saved, const ChildResult& loaded) {
    ASSERT_EQ(saved.exit_code, 0) << saved.errors;
    ASSERT_EQ(loaded.exit_code, 0) << loaded.errors;
    EXPECT_EQ(lines_of(loaded.output).front(), lines_of(saved.output).front());
    EXPECT_GT(stats(saved).at("forwarded"), 700);
    EXPECT_LT(stats(loaded).at("forwarded"), 100);
  }
};

// Pages in int4, whose heads a calibrated model rotates by matrices of its own: as they were saved.
TEST_F(CliSavedContext, GoesOnInTheNextRun) {
  write("t.txt", std::string(600, 'a') + "What is 2 plus 3?");
  ASSERT_EQ(run({"model", "calibrate", "r.gguf", "c.gguf", "--text", "t.txt"}).exit_code, 0);
  const std::vector<std::string> int4 = {"--kv", "int4@16"};
  const ChildResult saved = execute("c.gguf", "save.lua", int4);
  expect_goes_on(saved, execute("c.gguf", "load.lua", int4));
  const ChildResult refused = execute("r.gguf", "load.lua", int4);
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.errors, HasSubstr("model"));
}

// Whatever room the run that saves it has, and the one that loads it: pages on disk are saved from there, and
// come there.
TEST_F(CliSavedContext, MayBeLargerThanTheMemory) {
  const std::vector<std::string> large, small = {"--kv-bytes", "400000"};  // of 840,000
  for (const auto& saves : {large, small}) {
    const ChildResult saved = execute("r.gguf", "save.lua", saves);
    for (const auto& loads : {large, small}) {
      const ChildResult loaded = execute("r.gguf", "load.lua", loads);
      expect_goes_on(saved, loaded);
      const nlohmann::json pages = stats(loaded).at("pages");
      EXPECT_EQ(pages.at("streamed") > 0, loads == small) << pages;
      EXPECT_EQ(pages.at("recomputed"), 0);
    }
  }
}

// Queries choose by what memory keeps of the pages on disk, and only what they choose is read.
TEST_F(CliSavedContext, ReadsFromTheDiskWhatItsQueriesChoose) {
  const std::vector<std::string> large = {"--kv", "quest:256"};  // 36 pages of 160 for each of four heads
  const std::vector<std::string> small = {"--kv", "quest:256", "--kv-bytes", "1000000"};
  const std::vector<std::string> all = {"--kv", "full", "--kv-bytes", "1000000"};  // of 2,800,000
  const ChildResult saved = execute("r.gguf", "save.lua", large, "40");
  const ChildResult loaded = execute("r.gguf", "load.lua", small),
                    reads_all = execute("r.gguf", "load.lua", all);
  expect_goes_on(saved, loaded);
  ASSERT_EQ(reads_all.exit_code, 0) << reads_all.errors;
  const auto streamed = [](const ChildResult& ran) {
    return stats(ran).at("pages").at("streamed").get<int>();
  };
  EXPECT_GT(streamed(loaded), 0);
  EXPECT_LT(streamed(loaded), streamed(reads_all) * 2 / 3);
}

TEST_F(CliRun, ProfilesAndTraces) {
  const ChildResult ran = run({"run", "count", "3", "--profile", "--trace", "out.json"});
  EXPECT_EQ(ran.output, "3\n2\n1\ndone\n");
  for (const char* word : {"fiber switches", "batch occupancy", "run queue wait p50", "kernel", "mem_add"})
    EXPECT_THAT(ran.errors, HasSubstr(word));
  const nlohmann::json trace = nlohmann::json::parse(read("out.json"), nullptr, false);
  ASSERT_FALSE(trace.is_discarded());
  EXPECT_GT(trace.at("traceEvents").size(), 10u);
}

TEST_F(CliRun, ScaffoldsCheckAndRun) {
  EXPECT_EQ(run({"new", "lua", "sum"}).exit_code, 0);
  EXPECT_EQ(run({"new", "prompt", "down"}).exit_code, 0);
  EXPECT_EQ(run({"new", "lua", "sum"}).exit_code, 1);  // nothing is written over
  EXPECT_EQ(run({"check", "sum.lua", "down.md"}).exit_code, 0);
  EXPECT_EQ(run({"run", "down.md", "3"}).output, "3\n2\n1\ndone\n");
  EXPECT_EQ(run({"run", "sum.lua", "3", "4"}).exit_code, 0);
}

TEST_F(CliRun, LimitsEndTheOneProgram) {
  const ChildResult ran = run({"run", "count", "9", "--limit", "tokens=40"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.errors, HasSubstr("ELIMIT"));
  EXPECT_EQ(run({"run", "count", "2", "--limit", "sheep=40"}).exit_code, 2);
}

TEST_F(CliRun, TheShellRunsAScript) {
  EXPECT_EQ(run({"sh", "-c", "set x 4; echo $x | cat > x.txt; cat < x.txt"}).output, "4\n");
  EXPECT_EQ(run({"sh", "-c", "nonsense"}).exit_code, 127);
}

TEST_F(CliRun, SolvesLogicPrograms) {
  const std::string program =
      "Facts:\nCat(tom, True) ::: a cat\nRules:\nCat($x, True) >>> Animal($x, True)\nQuery:\nAnimal(tom, "
      "True)\n";
  write("in.jsonl", nlohmann::json{{"id", "a"}, {"program", program}}.dump() + "\n");
  const ChildResult solved = run({"solver", "--lang", "rules", "--data", "in.jsonl", "--out", "out.jsonl"});
  EXPECT_EQ(solved.exit_code, 0) << solved.errors;
  const std::vector<nlohmann::json> lines = json_lines(read("out.jsonl"));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["answer"], "A") << lines[0];
  write("q.smt2", "(declare-const x Int)(assert (> x 3))(assert (< x 2))(check-sat)\n");
  EXPECT_EQ(run({"solver", "--lang", "smt2", "--file", "q.smt2"}).output, "false\n");
}

}  // namespace
}  // namespace phios
