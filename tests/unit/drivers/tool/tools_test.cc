#include "drivers/tool/tools.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

namespace phios {
namespace {

namespace fs = std::filesystem;

class ToolsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    home_ = fs::temp_directory_path() / ("phios-tools-" + std::to_string(getpid()) + test->name());
    fs::create_directories(home_);
  }
  void TearDown() override {
    tools_.reset();
    fs::remove_all(home_);
  }
  // A tool that runs a line of shell with its argument as $1.
  void shell_tool(const std::string& name, const std::string& line, const std::string& more = "") {
    write(name + ".yaml", "name: " + name + "\nsummary: tool " + name + "\ncommand: [sh, -c, \"" + line +
                              "\", sh, \"{x}\"]\nschema: {properties: {x: {type: string}}}\n" + more);
  }
  void write(const std::string& file, const std::string& text) { std::ofstream(home_ / file) << text; }
  void open() { tools_ = std::move(open_tools(env_, {home_.string(), "/nowhere"}, &problems_).value()); }

  Result<std::string> call(const std::string& name, std::vector<std::string> args, Nanos deadline = kNever) {
    std::promise<Result<std::string>> promise;
    auto future = promise.get_future();
    const OpRef op = tools_->submit({name, std::move(args), deadline},
                                    [&](Result<std::string> r) { promise.set_value(std::move(r)); });
    return future.get();
  }
  std::string said(const std::string& name, std::vector<std::string> args) {
    const auto result = call(name, std::move(args));
    return result ? *result : std::string(error_name(result.error().code)) + " " + result.error().message;
  }

  SystemEnv env_{1};
  fs::path home_;
  std::vector<Error> problems_;
  std::unique_ptr<ToolDriver> tools_;
};

TEST_F(ToolsTest, TheCalculatorIsBuiltIn) {
  open();
  EXPECT_EQ(said("calc", {"7 + 7"}), "14");
  EXPECT_EQ(said("calc", {"7", "+", "7"}), "14");
  EXPECT_EQ(said("calc", {R"({"expression": "9.11 < 9.9"})"}), "true");
  EXPECT_EQ(said("calc", {R"({"formula": "1"})"}), "EINVAL formula: no such argument: expression");
  EXPECT_EQ(said("calk", {"1"}), "ENOENT no tool is called calk; the nearest is calc");
}

TEST_F(ToolsTest, RunsACommandWithoutAShell) {
  write("say.yaml",
        "name: say\nsummary: says it\ncommand: [printf, '%s|', a b, '{x}']\nschema: {properties: {x: {type: "
        "string}}}\n");
  write("up.json", R"({"name": "up", "summary": "upper case", "command": ["tr", "a-z", "A-Z"], "stdin": "{x}",
                       "schema": {"properties": {"x": {"type": "string"}}}})");
  open();
  ASSERT_TRUE(problems_.empty()) << problems_[0].message;
  EXPECT_EQ(said("say", {"$HOME; rm -rf * 'x'"}), "a b|$HOME; rm -rf * 'x'|");
  EXPECT_EQ(said("up", {"grüße\n"}), "GRüßE");
}

TEST_F(ToolsTest, TheEnvironmentIsSmallAndTheDirectoryItsOwn) {
  ::setenv("PHIOS_TEST_SECRET", "s3cret", 1);
  shell_tool("look", "echo \\\"[$PHIOS_TEST_SECRET]\\\" $MODE; pwd; ls /proc/self/fd | wc -l",
             "env: {MODE: 7}\n");
  open();
  // Its descriptors are 0, 1, 2 and the one that ls has open on the folder.
  EXPECT_EQ(said("look", {"x"}), "[] 7\n" + fs::canonical(home_).string() + "\n4");
}

TEST_F(ToolsTest, AHangingToolIsKilledWithItsChildren) {
  shell_tool("hang", "sleep 1000 & echo $! > pid; wait", "deadline_ms: 1500\n");
  shell_tool("stubborn", "trap '' TERM; while true; do sleep 0.05; done", "deadline_ms: 200\n");
  shell_tool("patient", "sleep 1000");
  open();
  const Nanos began = env_.now();
  EXPECT_TRUE(said("hang", {"x"}).starts_with("ETIMEDOUT killed after "));
  pid_t pid = 0;
  std::ifstream(home_ / "pid") >> pid;
  ASSERT_GT(pid, 1);
  // The child's own child ends too: it is gone, or waits for init to collect it.
  bool ended = false;
  for (int tries = 0; !ended && tries < 200; ++tries) {
    std::string stat;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), stat);
    ended = stat.empty() || stat.find(") Z ") != std::string::npos;
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(ended);
  EXPECT_TRUE(said("stubborn", {"x"}).starts_with("ETIMEDOUT"));
  const auto result = call("patient", {"x"}, env_.now() + 100 * kMillisecond);
  EXPECT_EQ(result.error().code, ErrorCode::ETIMEDOUT_);
  EXPECT_LT(env_.now() - began, 60 * kSecond);
}

TEST_F(ToolsTest, AnOrphanThatHoldsThePipeIsNotWaitedFor) {
  shell_tool("orphan", "sleep 1000 & echo done");
  open();
  const Nanos began = env_.now();
  EXPECT_EQ(said("orphan", {"x"}), "done");
  EXPECT_LT(env_.now() - began, 60 * kSecond);
}

TEST_F(ToolsTest, FailuresSayWhatHappened) {
  shell_tool("fails", "echo out; echo first >&2; echo no such city >&2; exit 3");
  shell_tool("dies", "kill -9 $$");
  shell_tool("chatter", "yes", "max_output: 1000\n");
  shell_tool("binary", "printf 'a\\\\377b'");
  write("absent.yaml", "name: absent\nsummary: s\ncommand: [/nowhere/at/all]\n");
  write("plain.yaml", "name: plain\nsummary: s\ncommand: [./plain.yaml]\n");
  open();
  EXPECT_EQ(said("fails", {"x"}), "EIO fails ended with code 3: first no such city");
  EXPECT_EQ(said("dies", {"x"}), "EIO dies ended with code 137");
  EXPECT_EQ(said("chatter", {"x"}), "ETOOBIG killed: more than 1000 bytes of output");
  EXPECT_EQ(said("binary", {"x"}), "EIO binary: byte 2 of its output is no UTF-8 text");
  EXPECT_EQ(said("absent", {}), "ENOENT cannot run /nowhere/at/all: No such file or directory");
  EXPECT_EQ(said("plain", {}), "EPERM cannot run ./plain.yaml: Permission denied");
}

TEST_F(ToolsTest, LargeInputReachesAToolThatDoesNotReadIt) {
  write(
      "deaf.yaml",
      "name: deaf\nsummary: s\ncommand: ['true']\nstdin: '{x}'\nschema: {properties: {x: {type: string}}}\n");
  write("count.yaml",
        "name: count\nsummary: s\ncommand: [wc, -c]\nstdin: '{x}'\nschema: {properties: {x: {type: "
        "string}}}\n");
  open();
  EXPECT_EQ(said("deaf", {std::string(1'000'000, 'x')}), "");
  EXPECT_EQ(said("count", {std::string(1'000'000, 'x')}), "1000000");
}

TEST_F(ToolsTest, ABrokenManifestLeavesTheOthers) {
  write("bad.yaml", "name: bad\nsummary: s\ncommand: cat\n");
  write("calc.json", R"({"name": "calc", "summary": "mine", "command": ["bc"]})");
  write("notes.txt", "no manifest");
  shell_tool("good", "echo hi");
  open();
  ASSERT_EQ(problems_.size(), 2u);
  EXPECT_EQ(problems_[0].message,
            (home_ / "bad.yaml").string() + ": command: a list of words expected: [program, word, …]");
  EXPECT_EQ(problems_[1].message,
            (home_ / "calc.json").string() + ": name: there is a tool called calc already");
  EXPECT_EQ(said("good", {}), "hi");
  EXPECT_EQ(said("calc", {"1 + 1"}), "2");
  EXPECT_EQ(said("bad", {}), "EINVAL " + problems_[0].message);
  EXPECT_EQ(tools_->list().size(), 2u);
}

TEST_F(ToolsTest, SearchFindsToolsByWords) {
  write("weather.yaml",
        "name: weather_report\nsummary: the weather of a city for the coming days\ncommand: ['true']\n"
        "schema: {properties: {city: {type: string}}, required: [city]}\n");
  write("translate.yaml",
        "name: translate\nsummary: 'translates text into another language'\ncommand: ['true']\n");
  open();
  const auto found = tools_->search("What is the weather in Oslo?", 3);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "weather_report");
  EXPECT_EQ(found[0].signature, "weather_report city");
  EXPECT_EQ(tools_->search("translating languages", 1)[0].name, "translate");
  EXPECT_EQ(tools_->search("calculate 3 * 4", 3)[0].name, "calc");
  EXPECT_EQ(tools_->search("calculator", 3)[0].name, "calc");
  EXPECT_EQ(tools_->search("\" OR name:* NEAR(", 3).size(), 0u);
  EXPECT_EQ(tools_->search("", 3).size(), 0u);
}

TEST_F(ToolsTest, ManyAtOnceCancelAndClose) {
  shell_tool("echo", "echo $1");
  shell_tool("sleepy", "sleep 1000");
  open();
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string word = std::to_string(t * 100 + i);
        right += said("echo", {word}) == word ? 1 : 0;
        right += said("calc", {word}) == word ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 80);

  std::vector<std::future<Result<std::string>>> futures;
  for (int i = 0; i < 12; ++i) {
    auto promise = std::make_shared<std::promise<Result<std::string>>>();
    futures.push_back(promise->get_future());
    const OpRef op = tools_->submit({"sleepy", {"x"}, kNever},
                                    [promise](Result<std::string> r) { promise->set_value(std::move(r)); });
    if (i == 0) op->cancel();
  }
  EXPECT_EQ(futures[0].get().error().code, ErrorCode::EINTR_);
  tools_.reset();
  for (size_t i = 1; i < futures.size(); ++i) EXPECT_EQ(futures[i].get().error().code, ErrorCode::EINTR_);
}

}  // namespace
}  // namespace phios
