// The project's own tree is held to its rules.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "tests/tidy/checks.h"

namespace phios::tidy {
namespace {

constexpr const char* kFormatter = "clang-format-19";
constexpr size_t kFilesPerRun = 100;

const Tree& project() {
  static const Tree tree = read_tree(PHIOS_SOURCE_DIR);
  return tree;
}

void expect_none(const Findings& findings) {
  if (!findings.empty()) ADD_FAILURE() << fmt::format("{}", fmt::join(findings, "\n"));
}

// A command's output and errors; it is run in the project's root.
std::string run(const std::string& command) {
  std::string out;
  FILE* pipe = popen(fmt::format("cd '{}' && {} 2>&1", PHIOS_SOURCE_DIR, command).c_str(), "r");
  if (!pipe) return out;
  char buffer[4096];
  for (size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  pclose(pipe);
  return out;
}

TEST(Tidy, TheTreeIsThere) { EXPECT_TRUE(project().contains("CMakeLists.txt")); }
TEST(Tidy, IncludeArrows) { expect_none(check_arrows(project())); }
TEST(Tidy, IncludePaths) { expect_none(check_include_paths(project())); }
TEST(Tidy, IncludeCycles) { expect_none(check_cycles(project())); }
TEST(Tidy, ConfinedLibraries) { expect_none(check_confined(project())); }
TEST(Tidy, Lengths) { expect_none(check_lengths(project())); }
TEST(Tidy, DeadFiles) { expect_none(check_dead_files(project())); }
TEST(Tidy, Marks) { expect_none(check_marks(project())); }

TEST(Tidy, Format) {
  if (run(fmt::format("command -v {}", kFormatter)).empty())
    GTEST_SKIP() << kFormatter << " is not installed";
  std::vector<std::string> files;
  for (const auto& [path, text] : project())
    if (is_code(path) && extension_of(path) != ".def" && !is_generated(text))
      files.push_back("'" + path + "'");
  std::set<std::string> unformatted;
  for (size_t i = 0; i < files.size(); i += kFilesPerRun) {
    const std::vector<std::string> some(
        files.begin() + static_cast<ptrdiff_t>(i),
        files.begin() + static_cast<ptrdiff_t>(std::min(i + kFilesPerRun, files.size())));
    const std::string out = run(fmt::format("{} --dry-run -Werror {}", kFormatter, fmt::join(some, " ")));
    for (const std::string_view line : lines_of(out))
      if (line.find(": error:") != line.npos) unformatted.emplace(line.substr(0, line.find(':')));
  }
  EXPECT_TRUE(unformatted.empty()) << kFormatter << " -i " << fmt::format("{}", fmt::join(unformatted, " "));
}

}  // namespace
}  // namespace phios::tidy
