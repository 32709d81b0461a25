#include <gmock/gmock.h>

#include "tests/cli/cli.h"

namespace phios {
namespace {

using testing::HasSubstr;

// Every subcommand that a help page lists, and those of its subcommands.
void expect_help(const std::function<ChildResult(std::vector<std::string>)>& run,
                 std::vector<std::string> words, size_t& pages) {
  words.emplace_back("--help");
  const ChildResult page = run(words);
  words.pop_back();
  EXPECT_EQ(page.exit_code, 0);
  EXPECT_THAT(page.output, HasSubstr("Usage:"));
  EXPECT_EQ(page.errors, "");
  pages++;
  bool listed = false;
  for (const std::string& line : lines_of(page.output)) {
    if (line == "Subcommands:") {
      listed = true;
    } else if (listed && line.starts_with("  ") && line.size() > 2 && line[2] != ' ') {
      words.push_back(line.substr(2, line.find(' ', 2) - 2));
      expect_help(run, words, pages);
      words.pop_back();
    } else if (line.empty()) {
      listed = false;
    }
  }
}

class CliHelp : public Cli {};

TEST_F(CliHelp, EveryCommandHasAPage) {
  size_t pages = 0;
  expect_help([this](const std::vector<std::string>& words) { return run(words); }, {}, pages);
  EXPECT_GE(pages, 25u);
}

TEST_F(CliHelp, VersionIsOneLine) {
  const ChildResult version = run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.output, testing::MatchesRegex("phios [0-9.]+\n"));
}

TEST_F(CliHelp, WrongUseIsToldOnStandardErrorAndExitsTwo) {
  const ChildResult unknown = run({"aks", "x"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.output, "");
  EXPECT_THAT(unknown.errors, HasSubstr("no command aks"));
  EXPECT_EQ(run({}).exit_code, 2);
  EXPECT_EQ(run({"ask"}).exit_code, 2);
  EXPECT_EQ(run({"run", "count", "--nonsense"}).exit_code, 2);
  EXPECT_EQ(run({"--kv-bytes", "much", "tour"}).exit_code, 2);
}

}  // namespace
}  // namespace phios
