// The shell over the fake kernel: every word that needs no terminal.
#include "userland/sh/shell.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/userland/lua/fake_kernel.h"
#include "userland/sh/inspect.h"

namespace phios::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Shell : public ::testing::Test {
 protected:
  void SetUp() override {
    proc_.pid = 1;
    kernel_.programs["p"] = [](const FakeSpawn& s) -> FakeEnd {
      return {PHI_OK, s.args.empty() ? "" : s.args[0] + "!"};
    };
    kernel_.programs["bad"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_EINVAL_, "bad.lua:3: no"}; };
    kernel_.programs["solve"] = [](const FakeSpawn& s) -> FakeEnd {
      return {PHI_OK, s.args[0] == "what" ? "not taught: x" : "14"};
    };
  }
  int main(const phi_shell_options& options) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    int code = phi_shell_main(&kernel_.kernel, &proc_, &options);
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return code;
  }
  int run(const char* text) {
    phi_shell_options options{};
    options.command = text;
    return main(options);
  }
  FakeKernel kernel_;
  phi_proc proc_;
  std::string out_, err_;
};

TEST_F(Shell, ProgramsAndTheirValues) {
  EXPECT_EQ(run("p a; run p 'b c' && echo $?"), 0);
  EXPECT_EQ(out_, "a!\nb c!\n0\n");
  EXPECT_EQ(run("ask what is it"), 0);
  EXPECT_EQ(kernel_.spawned.back().args, (std::vector<std::string>{"what is it"}));
  EXPECT_EQ(run("ask what"), 3);
}

TEST_F(Shell, FailuresHaveFileLineAndCode) {
  EXPECT_EQ(run("echo a\nbad"), 1);
  EXPECT_EQ(err_, "-c:2: bad: bad.lua:3: no (EINVAL)\n");
  EXPECT_EQ(run("nothing"), 127);
  EXPECT_EQ(err_, "-c:1: nothing: nothing: no program of that name\n");
  EXPECT_EQ(run("echo a\n\necho 'b"), 2);
  EXPECT_EQ(err_, "-c:3: this ' has no end\n");
  EXPECT_EQ(out_, "");
  EXPECT_EQ(run("get"), 2);
  EXPECT_THAT(err_, HasSubstr("usage: get CELL"));
}

TEST_F(Shell, ListsAndStatus) {
  EXPECT_EQ(run("false || echo or; true && echo and; false && echo no; echo $?"), 0);
  EXPECT_EQ(out_, "or\nand\n1\n");
  EXPECT_EQ(run("exit 7; echo no"), 7);
  EXPECT_EQ(out_, "");
}

TEST_F(Shell, CellsAreVariables) {
  EXPECT_EQ(run("set x 1 2; echo \"$x\" ${x}3 $none; get x; cells; del x; get x"), 1);
  EXPECT_EQ(out_, "1 2 1 23 \n1 2\nx = 1 2\n");
  EXPECT_THAT(err_, HasSubstr("-c:1: get: READ x"));
}

TEST_F(Shell, Redirects) {
  run("p a > @x");
  EXPECT_EQ(kernel_.spawned[0].stdout_to, "cell:x");
  EXPECT_EQ(kernel_.printed, (std::vector<std::string>{"a!"})) << "the exit value follows the output";
  run("p a >> f < /tmp/in; p < @x; echo hi > f");
  EXPECT_EQ(kernel_.spawned[2].stdout_to, "append:f");
  EXPECT_EQ(kernel_.spawned[2].stdin_from, "file:/tmp/in");
  EXPECT_EQ(kernel_.spawned[4].stdin_from, "cell:x");
  EXPECT_EQ(kernel_.spawned[5].stdout_to, "file:f");
  EXPECT_EQ(kernel_.printed.back(), "hi");
  EXPECT_EQ(run("p a >> @x"), 2);
}

TEST_F(Shell, Pipes) {
  run("echo a | p b | p c");
  ASSERT_EQ(kernel_.spawned.size(), 4u);  // the middle one is run by a process that prints its value
  EXPECT_THAT(kernel_.spawned[0].stdout_to, HasSubstr("chan:sh.1.1"));
  EXPECT_EQ(kernel_.spawned[1].stdin_from, kernel_.spawned[0].stdout_to);
  EXPECT_EQ(kernel_.spawned[1].stdout_to, kernel_.spawned[3].stdin_from);
  EXPECT_THAT(kernel_.printed, ElementsAre("a", "b!"));
  EXPECT_EQ(out_, "c!\n");
}

TEST_F(Shell, JobsAndSignals) {
  EXPECT_EQ(run("p a & wait; echo $?"), 0);
  EXPECT_EQ(out_, "a!\n0\n");
  EXPECT_EQ(kernel_.spawned[0].stdin_from, "null");
  EXPECT_EQ(run("kill -int 99"), 0);
  EXPECT_EQ(run("fg"), 1);
  EXPECT_THAT(err_, HasSubstr("fg: no such job: %%"));
  EXPECT_EQ(run("nice 5 p a"), 0);
  EXPECT_EQ(kernel_.spawned.back().niceness, 5);
  EXPECT_EQ(run("nice x p"), 2);
}

TEST_F(Shell, ScriptsFromAFile) {
  std::string path = std::filesystem::temp_directory_path() / "phios_shell_test.sh";
  std::ofstream(path) << "#!/usr/bin/phios sh\necho $1 $2\nbad\n";
  const char* args[] = {"x", "y"};
  phi_shell_options options{};
  options.script = path.c_str();
  options.args = args;
  options.n_args = 2;
  EXPECT_EQ(main(options), 1);
  EXPECT_EQ(out_, "x y\n");
  EXPECT_THAT(err_, HasSubstr(path + ":3: bad: "));
  std::filesystem::remove(path);
  EXPECT_EQ(main(options), 127);
}

TEST_F(Shell, ProcessTable) {
  sh::Session session;
  std::string table = sh::process_table(
      session,
      R"([{"pid":12,"ppid":1,"state":"waiting","niceness":5,"tokens":99,"frames":3,"wall_ms":61250,"program":"solve","in":"proc_wait"}])");
  EXPECT_THAT(table, HasSubstr("   PID   PPID STATE     NI   TOKENS FRAMES      TIME PROGRAM\n"));
  EXPECT_THAT(table, HasSubstr("    12      1 waiting    5       99      3   1:01.25 solve (proc_wait)\n"));
  EXPECT_EQ(sh::process_table(session, "no json"), "");
}

TEST_F(Shell, PsAndStrace) {
  kernel_.handlers[PHI_SYS_proc_list] = [](phi_proc&, const FakeKernel::Args&) -> FakeEnd {
    return {PHI_OK, R"([{"pid":1,"program":"sh"}])"};
  };
  EXPECT_EQ(run("ps"), 0);
  EXPECT_THAT(out_, HasSubstr(" sh\n"));
  EXPECT_EQ(run("top 1"), 0);
  EXPECT_THAT(out_, HasSubstr(" sh\n"));
  kernel_.handlers[PHI_SYS_sys_trace] = [](phi_proc&, const FakeKernel::Args& args) -> FakeEnd {
    if (*args[0] == "0") return {PHI_OK, R"({"events":[],"lost":0,"ended":false})"};
    return {
        PHI_OK,
        R"({"events":[{"pid":10,"program":"p","call":"READ n","reply":"5","took":1500,"returned":true}],"lost":0,"ended":true})"};
  };
  EXPECT_EQ(run("strace p a"), 0);
  EXPECT_EQ(out_, "[10 p] READ n = 5  <1.5 us>\na!\n");
}

TEST_F(Shell, Help) {
  EXPECT_EQ(run("help"), 0);
  for (const char* word :
       {"ask", "bg", "cells", "ctx", "fg", "jobs", "kill", "nice", "ps", "run", "strace", "top", "wait"})
    EXPECT_THAT(out_, HasSubstr(word));
  EXPECT_EQ(run("help kill"), 0);
  EXPECT_THAT(out_, HasSubstr("kill [-SIGNAL]"));
}

}  // namespace
}  // namespace phios::test
