// The recorded logic programs, where they are at hand: $PHIOS_DATA names their folder.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "drivers/solver/rules.h"

namespace phios::rules {
namespace {

class Recorded : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("PHIOS_DATA");
    folder_ = data == nullptr ? "" : data;
    if (!std::filesystem::exists(folder_ / "logic")) {
      GTEST_SKIP() << "no recorded programs: PHIOS_DATA names the folder that has logic/";
    }
  }
  struct Score {
    int n = 0;
    int right = 0;
    int errors = 0;
  };
  Score score(const std::string& name, const std::string& unknown) {
    Score score;
    std::ifstream in(folder_ / "logic" / (name + ".programs.jsonl"));
    for (std::string line; std::getline(in, line); ++score.n) {
      const auto record = nlohmann::json::parse(line);
      const auto solution = solve(env_, record["program"].get<std::string>(), {}, {});
      if (!solution) {
        ++score.errors;
        EXPECT_EQ(solution.error().message.substr(0, 5), "line ") << solution.error().message;
        continue;
      }
      const std::string answer = solution->verdict == Verdict::kTrue    ? "A"
                                 : solution->verdict == Verdict::kFalse ? "B"
                                                                        : unknown;
      score.right += record["gold"].get<std::string>() == answer ? 1 : 0;
    }
    return score;
  }

  SystemEnv env_{1};
  std::filesystem::path folder_;
};

TEST_F(Recorded, ASoundReadingGetsWhatItCan) {
  const Score pronto = score("ProntoQA", "B");
  EXPECT_EQ(pronto.n, 250);
  EXPECT_GE(pronto.right, 205);
  EXPECT_EQ(pronto.errors, 0);
  const Score writer = score("ProofWriter", "C");
  EXPECT_EQ(writer.n, 299);
  EXPECT_GE(writer.right, 257);
}

TEST_F(Recorded, OtherLanguagesAreErrorsThatNameTheLine) {
  for (const char* name : {"FOLIO", "LogicalDeduction", "AR-LSAT"}) {
    const Score other = score(name, "C");
    EXPECT_GT(other.n, 0);
    EXPECT_EQ(other.errors, other.n) << name;
  }
}

}  // namespace
}  // namespace phios::rules
