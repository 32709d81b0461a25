// Every word of the shell, through a pseudo-terminal, over a real kernel whose model computes nothing.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/userland/sh/terminal.h"

namespace phios::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class ShellTerminal : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/phios_shell_XXXXXX";
    directory_ = mkdtemp(name);
    std::filesystem::create_directory(directory_ + "/programs");
    program("hello", "print('hello', ...) return 'bye'");
    program("quiet", "return");
    program("spin", "while true do end");
    program("nap", "print('napping') phi.proc.sleep(60000) return 'rested'");
    program("fails", "local x = 1\nphi.try(phi.mem.read, 'nothing')");
    program("upper", "while true do local l = phi.io.input() if not l then return end print(l:upper()) end");
    program("solve", "return 'the answer to ' .. ...");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void program(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/programs/" + name + ".lua") << text << "\n";
  }
  std::string file(const std::string& name) {
    std::ifstream in(directory_ + "/" + name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  std::string directory_;
};

TEST_F(ShellTerminal, RunAskAndStatus) {
  Terminal t(directory_, directory_ + "/programs");
  EXPECT_EQ(t.line("run hello 'a b' c"), "hello\ta b\tc\r\nbye\r\n");
  EXPECT_EQ(t.line("hello"), "hello\r\nbye\r\n");
  EXPECT_EQ(t.line("ask what is it"), "the answer to what is it\r\n");
  EXPECT_EQ(t.line("quiet && echo st$?"), "st0\r\n");
  EXPECT_THAT(t.line("fails; echo st$?"),
              MatchesRegex("sh: fails: .*fails.lua:2: mem.read: ENOENT: .*\r\nst1\r\n"));
  EXPECT_THAT(t.line("nowhere; echo st$?"), MatchesRegex("sh: nowhere: .*no program.*\r\nst127\r\n"));
  EXPECT_EQ(t.line("true || echo no; false; echo st$?"), "st1\r\n");
  t.type("exit 7\r");
  EXPECT_EQ(t.exit_code(), 7);
}

TEST_F(ShellTerminal, InterruptAndTerminate) {
  Terminal t(directory_, directory_ + "/programs");
  t.type("spin\r");
  t.until("\n");
  usleep(200'000);
  t.type("\x03");
  EXPECT_THAT(t.prompt(), HasSubstr("EINTR"));
  EXPECT_EQ(t.line("echo st$?"), "st130\r\n");
  t.type("nap\r");
  t.until("napping\r\n");
  t.type("\x03");
  EXPECT_THAT(t.prompt(), HasSubstr("ended by the signal int"));
}

TEST_F(ShellTerminal, StopBackgroundForeground) {
  Terminal t(directory_, directory_ + "/programs");
  t.type("nap\r");
  t.until("napping\r\n");
  t.type("\x1a");
  EXPECT_THAT(t.prompt(), HasSubstr("[1] stopped  nap"));
  EXPECT_EQ(t.line("echo st$?"), "st148\r\n");
  EXPECT_THAT(t.line("jobs"), HasSubstr("[1] stopped  nap"));
  EXPECT_THAT(t.line("bg"), HasSubstr("[1] running  nap"));
  EXPECT_THAT(t.line("jobs"), HasSubstr("[1] running  nap"));
  t.type("fg %1\r");
  t.until("\n");
  t.until("nap\r\n");
  usleep(100'000);
  t.type("\x03");
  t.prompt();
  EXPECT_EQ(t.line("jobs"), "");
}

TEST_F(ShellTerminal, StoppedScriptsDoNotRun) {
  program("count", "for i = 1, 1e9 do phi.mem.add('/shm/n', 1) end");
  Terminal t(directory_, directory_ + "/programs");
  t.type("count\r");
  t.until("\n");
  usleep(100'000);
  t.type("\x1a");
  t.until("stopped  count");
  t.prompt();
  usleep(100'000);  // the call that was under way ends
  std::string before = t.line("get /shm/n");
  usleep(200'000);
  EXPECT_EQ(t.line("get /shm/n"), before);
  EXPECT_EQ(t.line("kill -cont %1; echo ok"), "ok\r\n");
  usleep(200'000);
  EXPECT_NE(t.line("get /shm/n"), before);
  t.line("kill -kill %1");
}

TEST_F(ShellTerminal, BusyScriptsLeaveTheShellItsTurn) {
  Terminal t(directory_, directory_ + "/programs");
  t.line("spin & spin & spin & spin &");
  EXPECT_EQ(t.line("hello"), "hello\r\nbye\r\n");
  EXPECT_EQ(t.line("kill -stop %1; sleep 0.05; echo ok"), "ok\r\n");
  EXPECT_THAT(t.line("ps"), HasSubstr("stopped"));
  t.type("spin\r");
  t.until("\n");
  usleep(200'000);
  t.type("\x03");
  EXPECT_THAT(t.prompt(), HasSubstr("EINTR"));
  t.line("kill %2; kill %3; kill %4; kill -cont %1; kill %1");
}

TEST_F(ShellTerminal, BackgroundJobsWaitAndKill) {
  Terminal t(directory_, directory_ + "/programs");
  EXPECT_THAT(t.line("nap &"), HasSubstr("[1] "));
  EXPECT_THAT(t.line("ps"), HasSubstr("nap"));
  EXPECT_THAT(t.line("kill %1; wait %1; echo st$?"), HasSubstr("st143"));
  t.line("hello x > @out &");
  EXPECT_EQ(t.line("wait; echo st$?"), "st0\r\n");
  EXPECT_EQ(t.line("get out"), "hello\tx\r\nbye\r\n");
  EXPECT_THAT(t.line("sleep 0.01 & sleep 0.01 & wait; jobs"), Not(HasSubstr("running")));
}

TEST_F(ShellTerminal, PsNiceTop) {
  Terminal t(directory_, directory_ + "/programs");
  t.line("nice 7 nap &");
  std::string table = t.line("ps");  // behind what nap prints meanwhile, and the line drawn again after that
  EXPECT_THAT(table, MatchesRegex(".*PID +PPID STATE +NI +TOKENS FRAMES +TIME PROGRAM\r\n.*"));
  EXPECT_THAT(table, MatchesRegex(".* 7 +0 +0 .* nap[ \r].*"));
  EXPECT_THAT(t.line("top 1"), HasSubstr("nap"));
  EXPECT_THAT(t.line("nice 9 1; echo st$?"), HasSubstr("st1"));
  t.type("top\r");
  t.until("PROGRAM");
  t.type("\x03");
  t.prompt();
  t.line("kill %1");
}

TEST_F(ShellTerminal, Cells) {
  Terminal t(directory_, directory_ + "/programs");
  EXPECT_EQ(t.line("set x 5; set /shm/y 'a b'; set /mem/z kept; echo $x-${/shm/y}"), "5-a b\r\n");
  EXPECT_EQ(t.line("cells"), "x = 5\r\n/shm/y = a b\r\n/mem/z = kept\r\n");
  EXPECT_EQ(t.line("cells /shm/"), "/shm/y = a b\r\n");
  EXPECT_THAT(t.line("del x; get x; echo st$?"), HasSubstr("no cell"));
  EXPECT_EQ(t.line("ctx"), "");
  EXPECT_THAT(t.line("ctx drop none; echo st$?"), HasSubstr("st1"));
}

TEST_F(ShellTerminal, PipesAndRedirects) {
  Terminal t(directory_, directory_ + "/programs");
  EXPECT_EQ(t.line("echo abc | upper"), "ABC\r\n");
  EXPECT_EQ(t.line("hello x | upper | cat"), "HELLO\tX\r\nBYE\r\n");
  t.line("hello > " + directory_ + "/out; echo more >> " + directory_ + "/out");
  EXPECT_EQ(file("out"), "hello\nbye\nmore\n");
  EXPECT_EQ(t.line("upper < " + directory_ + "/out"), "HELLO\r\nBYE\r\nMORE\r\n");
  EXPECT_EQ(t.line("hello 1 > @a; cat < @a; hello > cell:a; get a"), "hello\t1\r\nbye\r\nhello\r\nbye\r\n");
  EXPECT_THAT(t.line("cat < /nowhere; echo st$?"), HasSubstr("st127"));
  EXPECT_THAT(t.line("echo x | fails; echo st$?"), HasSubstr("st1"));
}

TEST_F(ShellTerminal, Strace) {
  Terminal t(directory_, directory_ + "/programs");
  EXPECT_THAT(t.line("strace fails"),
              MatchesRegex(".*\\[[0-9]+ fails\\] READ nothing = !ENOENT .*fails.lua:2.*"));
  program("ticks", "while true do phi.mem.add('n', 1) phi.proc.sleep(20) end");
  std::string started = t.line("ticks &");
  std::string pid = started.substr(4, started.find('\r') - 4);
  t.type("strace " + pid + "\r");
  t.until("ADD n 1 = ");
  t.type("\x03");
  t.prompt();
  t.line("kill %1");
}

TEST_F(ShellTerminal, InputFromTheTerminal) {
  Terminal t(directory_, directory_ + "/programs");
  t.type("upper\r");
  t.until("\n");
  t.type("typed\r");
  t.until("TYPED\r\n");
  t.type("\x03");
  t.prompt();
}

TEST_F(ShellTerminal, EditingCompletionHistory) {
  {
    Terminal t(directory_, directory_ + "/programs");
    t.type("echo ab\x02X\r");  // Ctrl-B: one to the left
    t.until("aXb\r\n");
    t.prompt();
    t.type("ech\tone\r");
    t.until("one\r\n");
    t.prompt();
    t.line("set longname 5");
    t.type("get lo\t\r");
    t.until("5\r\n");
    t.prompt();
    t.type("echo gone\x03");
    t.prompt();
    EXPECT_EQ(t.line("echo st$?"), "st130\r\n");
    t.type("echo 'two\r");
    t.until("> ");
    t.type("lines'\r");
    t.until("two\r\nlines\r\n");
    t.prompt();
    t.line("echo remembered-$?");
    t.type("\x04");
    EXPECT_EQ(t.exit_code(), 0);
  }
  Terminal t(directory_, directory_ + "/programs");
  t.type("\x10\r");  // Ctrl-P: the line before
  t.until("\n");
  EXPECT_THAT(t.prompt(), HasSubstr("remembered-0\r\n"));
}

TEST_F(ShellTerminal, Help) {
  Terminal t(directory_, directory_ + "/programs");
  EXPECT_THAT(t.line("help"), HasSubstr("strace PROGRAM"));
  EXPECT_THAT(t.line("help wait"), HasSubstr("wait [JOB]"));
  t.type("nap &\r");
  t.until("napping");
  t.type("exit\r");
  EXPECT_EQ(t.exit_code(), 0);
}

}  // namespace
}  // namespace phios::test
