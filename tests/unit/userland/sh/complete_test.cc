// Completion: what may stand at the cursor.
#include "userland/sh/complete.h"

#include <gmock/gmock.h>

namespace phios::sh {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

CompletionSources sources() {
  return {[] { return Names{"run", "kill", "get", "set", "jobs"}; },
          [] { return Names{"solve", "sentence", "count"}; }, [] { return Names{"%1", "12", "13"}; },
          [](const std::string& prefix) {
            Names out;
            for (const char* name : {"alpha", "beta", "/shm/x"})
              if (std::string(name).starts_with(prefix)) out.emplace_back(name);
            return out;
          }};
}

Names at(std::string_view line) { return complete(line, sources()).candidates; }

TEST(ShellCompletion, CommandsAndProgramsComeFirst) {
  EXPECT_THAT(at("s"), ElementsAre("sentence", "set", "solve"));
  EXPECT_THAT(at("true && s"), ElementsAre("sentence", "set", "solve"));
  EXPECT_THAT(at("run co"), ElementsAre("count"));
  EXPECT_THAT(at("solve s"), IsEmpty());
}

TEST(ShellCompletion, PidsAndCells) {
  EXPECT_THAT(at("kill 1"), ElementsAre("12", "13"));
  EXPECT_THAT(at("kill -stop %"), ElementsAre("%1"));
  EXPECT_THAT(at("get /s"), ElementsAre("/shm/x"));
  EXPECT_THAT(at("echo $al"), ElementsAre("$alpha"));
  EXPECT_THAT(at("solve q > @b"), ElementsAre("@beta"));
  EXPECT_THAT(at("solve q > b"), IsEmpty());
}

TEST(ShellCompletion, ReplacesTheWord) {
  EXPECT_EQ(complete("a; get al", sources()).from, 7u);
  EXPECT_EQ(common_prefix({"sentence", "set"}), "se");
  EXPECT_EQ(common_prefix({}), "");
}

}  // namespace
}  // namespace phios::sh
