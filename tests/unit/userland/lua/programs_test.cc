// The standard programs over the fake kernel: what they start, keep and answer. The model's part is played by
// functions.
#include <gmock/gmock.h>

#include "tests/unit/userland/lua/fake_kernel.h"

namespace phios::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Programs : public ::testing::Test {
 protected:
  FakeEnd run(const std::string& name, const std::vector<std::string>& args) {
    return kernel_.run_lua_file(std::string(PHIOS_PROGRAMS) + "/" + name + ".lua", args);
  }
  void verdict(const std::string& word) {
    kernel_.programs["verify"] = [word](const FakeSpawn&) -> FakeEnd { return {PHI_OK, word}; };
  }
  FakeKernel kernel_;
};

TEST_F(Programs, SolveAnswersAndRemembers) {
  kernel_.programs["ask"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_OK, "14"}; };
  verdict("yes");
  EXPECT_EQ(run("solve", {"What is 7 + 7?"}).value, "14");
  EXPECT_EQ(kernel_.spawned.size(), 2u);
  EXPECT_EQ(kernel_.shared.size(), 1u) << "only the answer stays";
  EXPECT_EQ(run("solve", {"What is 7 + 7?"}).value, "14");
  EXPECT_EQ(kernel_.spawned.size(), 2u);
}

TEST_F(Programs, SolveKeepsWhenAsked) {
  kernel_.programs["ask"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_OK, "14"}; };
  verdict("yes");
  run("solve", {"q", "keep"});
  size_t durable = 0;
  for (const auto& [name, value] : kernel_.shared) durable += name.starts_with("/mem/answer/");
  EXPECT_EQ(durable, 1u);
}

TEST_F(Programs, SolveSaysWhatTheModelWasNotTaught) {
  kernel_.programs["ask"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_OK, "?"}; };
  FakeEnd end = run("solve", {"Write a poem"});
  EXPECT_EQ(end.status, PHI_OK);
  EXPECT_THAT(end.value, StartsWith("not taught: "));
  EXPECT_THAT(end.value, HasSubstr("--model"));
  EXPECT_EQ(kernel_.spawned.size(), 1u);
}

TEST_F(Programs, SolveInsideSolve) {
  kernel_.programs["ask"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_OK, "?"}; };
  kernel_.handlers[PHI_SYS_proc_stat] = [](phi_proc&, const FakeKernel::Args&) -> FakeEnd {
    return {PHI_OK, R"({"ppid":5})"};
  };
  kernel_.shared["/shm/solve/ask/5"] = "1";
  EXPECT_EQ(run("solve", {"Write a poem"}).value, "?");
  EXPECT_EQ(kernel_.spawned.size(), 1u);
  kernel_.shared["/shm/solve/ask/5"] = "4";
  EXPECT_EQ(run("solve", {"Write a poem"}).value, "?");
  EXPECT_EQ(kernel_.spawned.size(), 1u) << "too deep: it does not even ask";
}

TEST_F(Programs, SolveRetriesWithOtherSampling) {
  int asked = 0;
  kernel_.programs["ask"] = [&](const FakeSpawn&) -> FakeEnd { return {PHI_OK, std::to_string(++asked)}; };
  kernel_.programs["verify"] = [](const FakeSpawn& s) -> FakeEnd {
    return {PHI_OK, s.args[1] == "2" ? "yes" : "no"};
  };
  EXPECT_EQ(run("solve", {"q"}).value, "2");
  EXPECT_TRUE(kernel_.spawned[0].sampling.empty());
  EXPECT_EQ(kernel_.spawned[2].sampling.size(), 2u);
  verdict("no");
  EXPECT_THAT(run("solve", {"another"}).value, StartsWith("not taught: "));
}

TEST_F(Programs, SolveDoesNotJudgeWhatWasProved) {
  kernel_.programs["ask"] = [&](const FakeSpawn&) -> FakeEnd {
    kernel_.shared["/shm/verified/" + std::to_string(kernel_.next_pid - 1)] = "proved";
    return {PHI_OK, "true"};
  };
  EXPECT_EQ(run("solve", {"q"}).value, "true");
  EXPECT_EQ(kernel_.spawned.size(), 1u);
}

TEST_F(Programs, SolveReportsALimit) {
  kernel_.programs["ask"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_ELIMIT_, "tokens: 5 of 5 used"}; };
  FakeEnd end = run("solve", {"q"});
  EXPECT_NE(end.status, PHI_OK);
  EXPECT_THAT(end.value, HasSubstr("ELIMIT: ask: tokens: 5 of 5 used"));
}

class Logic : public Programs {
 protected:
  void SetUp() override {
    kernel_.programs["sentence"] = [&](const FakeSpawn& s) -> FakeEnd {
      sentences_.push_back(s.args[0]);
      if (s.args[0] == "Max is odd.") return {PHI_OK, s.sampling.empty() ? "odd(" : "odd(max, True)"};
      if (s.args[0].starts_with("All")) return {PHI_OK, "cat($x, True) && odd($x, True) >>> nice($x, False)"};
      return {PHI_OK, "cat(max, True)"};
    };
    kernel_.programs["query"] = [&](const FakeSpawn& s) -> FakeEnd {
      query_ = s.args[0];
      return {PHI_OK, "nice(max, True)"};
    };
    kernel_.handlers[PHI_SYS_drv_solve] = [&](phi_proc&, const FakeKernel::Args& args) -> FakeEnd {
      program_ = *args[1];
      return {PHI_OK, "false"};
    };
  }
  std::vector<std::string> sentences_;
  std::string query_, program_;
};

TEST_F(Logic, AChildForEachSentence) {
  FakeEnd end = run(
      "logic", {"Max is a cat. All odd cats are not nice.\nMax is odd.  Is it true or false? Max is nice."});
  EXPECT_EQ(end.value, "false");
  EXPECT_EQ(query_, "Is it true or false? Max is nice.");
  EXPECT_THAT(sentences_,
              ElementsAre("Max is a cat.", "All odd cats are not nice.", "Max is odd.", "Max is odd."));
  EXPECT_EQ(program_,
            "Facts:\ncat(max, True)\nodd(max, True)\nRules:\ncat($x, True) && odd($x, True) >>> nice($x, "
            "False)\nQuery:\nnice(max, True)");
  EXPECT_EQ(kernel_.shared.size(), 1u) << "only the mark that the answer was proved stays";
}

TEST_F(Logic, ManySentencesGoThroughTheWindow) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "Max is a cat. ";
  EXPECT_EQ(run("logic", {text + "Is Max nice?"}).value, "false");
  EXPECT_EQ(sentences_.size(), 200u);
  EXPECT_EQ(query_, "Is Max nice?");
}

TEST_F(Logic, UnknownAndUnreadable) {
  kernel_.handlers[PHI_SYS_drv_solve] = [](phi_proc&, const FakeKernel::Args&) -> FakeEnd {
    return {PHI_EUNKNOWN_, "?"};
  };
  EXPECT_EQ(run("logic", {"Max is a cat. Max is nice."}).value, "unknown");
  EXPECT_EQ(query_, "Max is nice.");
  kernel_.programs["query"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_OK, "no atom"}; };
  EXPECT_THAT(run("logic", {"Max is a cat. Max is nice."}).value, HasSubstr("could not be read as a query"));
}

TEST_F(Programs, StoredRunsTheText) {
  kernel_.programs["text"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_OK, "9"}; };
  EXPECT_EQ(run("stored", {"# a\nExit with 9."}).value, "9");
  EXPECT_THAT(kernel_.spawned[0].program, StartsWith("text:---\n"));
  EXPECT_THAT(kernel_.spawned[0].program, HasSubstr("\n---\n# a\nExit with 9."));
  EXPECT_THAT(kernel_.spawned[0].rights, ElementsAre("mem:read", "mem:write", "io:out", "drv:tool:calc"));
}

// The model's part of utm: a real Turing machine over the program's text would repeat the model; here the
// events of the busy beaver's first steps are written down.
class Utm : public Programs {
 protected:
  void SetUp() override {
    kernel_.programs["text"] = [&](const FakeSpawn& s) -> FakeEnd {
      program_ = s.program;
      return {};
    };
    kernel_.handlers[PHI_SYS_sys_trace] = [&](phi_proc&, const FakeKernel::Args& args) -> FakeEnd {
      if (*args[0] == "0") return {PHI_OK, R"({"events":[],"lost":0,"ended":false})"};
      return {PHI_OK, "{\"events\":[" + events_ + "],\"lost\":0,\"ended\":true}"};
    };
  }
  void step(const std::string& write, const std::string& head, const std::string& label) {
    if (!events_.empty()) events_ += ",";
    events_ += R"({"call":"WRITE @i )" + write + R"(","reply":""},{"call":"ADD i 1","reply":")" + head +
               R"("},{"call":"JUMP )" + label + R"(","reply":""})";
  }
  std::string program_, events_;
};

TEST_F(Utm, WritesTheProgramOfATable) {
  step("1", "1", "B");
  step("1", "0", "done");
  FakeEnd end = run("utm", {R"({"rules": [{"state":"A","read":0,"write":1,"move":"R","next":"B"},
      {"state":"B","read":0,"write":"+","move":"L","next":"done"}], "start_state": "A"})",
                            "00"});
  EXPECT_EQ(program_,
            "text:---\nrights: [mem:read, mem:write]\nsampling: {temperature: 0}\n"
            "form: ['WRITE @i (0|1|[+])', 'ADD i (1|-1|0)', 'JUMP {label}']\n---\n\n"
            "# A\n0: 1 1 B\n1: 1 0 halt\n+: + 0 halt\nRead {{@i|0}}\n\n# B\n0: + -1 done\n1: 1 0 halt\n+: + "
            "0 halt\nRead {{@i|0}}\n\n"
            "# halt\n\n# done\n");
  EXPECT_EQ(end.status, PHI_OK) << end.value;
  for (const char* part : {R"("steps":2)", R"("halted":true)", R"("state":"done")", R"("head":0)",
                           R"("tape":"11")", R"("first":0)"})
    EXPECT_THAT(end.value, HasSubstr(part));
}

TEST_F(Utm, StopsAtMaxSteps) {
  step("1", "1", "B");
  step("1", "0", "A");
  step("1", "-1", "C");
  FakeEnd end = run("utm", {"beaver", "", "0", "A", "1"});
  EXPECT_THAT(end.value, HasSubstr("no cell named beaver"));
  kernel_.shared["/shm/beaver"] =
      R"({"rules": [{"state":"A","read":0,"write":1,"move":"R","next":"B"},{"state":"B","read":0,"write":1,"move":"L","next":"A"}]})";
  end = run("utm", {"/shm/beaver", "", "0", "A", "1"});
  for (const char* part :
       {R"("steps":1)", R"("halted":false)", R"("state":"B")", R"("head":1)", R"("tape":"1")"})
    EXPECT_THAT(end.value, HasSubstr(part));
}

TEST_F(Utm, BadMachines) {
  EXPECT_THAT(run("utm", {"{\"rules\": 1}"}).value,
              HasSubstr("the machine: an object with \"rules\" expected"));
  EXPECT_THAT(run("utm", {"{\"rules\""}).value, HasSubstr("JSON, byte 8"));
  EXPECT_THAT(run("utm", {R"({"rules": [{"state":"A b"}]})"}).value,
              HasSubstr("rule 1: state: A b does not fit"));
  EXPECT_THAT(run("utm", {R"({"rules": [{"state":"A","read":0,"write":1,"move":"up","next":"B"}]})"}).value,
              HasSubstr("rule 1: move"));
}

}  // namespace
}  // namespace phios::test
