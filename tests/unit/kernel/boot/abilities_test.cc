// What page policies leave of the induction model's memory, measured as `phios eval abilities` does.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "drivers/api/model.h"
#include "kernel/boot/cmd/abilities.h"
#include "tests/unit/sanitized.h"

namespace phios::abilities {
namespace {

constexpr uint32_t kLong = kSanitized ? 8192 : 32768;

class Abilities : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = std::make_unique<TemporaryHome>();
    Config config;
    config.home = home_->path();
    config.model = "induction";
    config.seed = 1;
    auto system = System::open(config);
    ASSERT_TRUE(system) << system.error().message;
    system_ = std::move(*system);
  }
  static void TearDownTestSuite() {
    system_.reset();
    home_.reset();
  }
  static Recall recall(const std::string& policy, uint32_t length, uint32_t needles_per_depth = 4) {
    const auto found = policy_named(policy, PHI_KV_WINDOW);
    EXPECT_TRUE(found) << (found ? "" : found.error().message);
    auto out =
        measure_recall(*system_, *found, {.lengths = {length}, .needles_per_depth = needles_per_depth});
    EXPECT_TRUE(out) << (out ? "" : out.error().message);
    return out ? std::move(*out) : Recall();
  }
  static void expect_all(const Points& points) {
    EXPECT_GT(points.n, 0u);
    EXPECT_EQ(points.right, points.n);
  }

  static inline std::unique_ptr<TemporaryHome> home_;
  static inline std::unique_ptr<System> system_;
};

TEST_F(Abilities, FullPagesKeepEverything) {
  const Recall full = recall("full", kBytesAt);
  expect_all(full.needle);
  expect_all(full.chain);
  expect_all(full.retrieved);
  EXPECT_NEAR(full.bytes_per_token, system_->model().info().kv.frame_bytes() / double{PHI_PAGE_TOKENS}, 1);
}

TEST_F(Abilities, Int4KeepsEverythingInAThirdOfTheBytes) {
  const Recall int4 = recall("int4", kBytesAt), full = recall("full", kBytesAt, 1);
  expect_all(int4.needle);
  expect_all(int4.chain);
  EXPECT_LT(int4.bytes_per_token, full.bytes_per_token / 3);
}

TEST_F(Abilities, QuestFindsEveryNeedleOfALongContextInATenthOfThePages) {
  const Recall quest = recall("quest:" + std::to_string(kLong / 10), kLong);
  expect_all(quest.needle);
  expect_all(quest.chain);
}

TEST_F(Abilities, AWindowLosesWhatLiesBehindItUnlessItIsRetrieved) {
  const Recall window = recall("window", kBytesAt);
  const auto& depths = window.needles.at(0).at;
  EXPECT_EQ(depths.at(5).right, 0u);
  EXPECT_EQ(depths.at(kDepths - 1).right, depths.at(kDepths - 1).n);
  EXPECT_LT(window.chain.right, window.chain.n);
  expect_all(window.retrieved);
}

TEST_F(Abilities, SnapKvKeepsWhatTheQuestionAsksForAndLosesWhereThatLeads) {
  const Recall snap = recall("snapkv", kBytesAt);
  expect_all(snap.needle);
  EXPECT_LT(snap.chain.right, snap.chain.n);
}

TEST_F(Abilities, APolicyThatHadNothingToDoIsNotTested) {
  EXPECT_EQ(recall("int4@512", 2048).needle.n, 0u);
  EXPECT_GT(recall("int4@256", 2048).needle.n, 0u);
}

TEST(HeatMap, HasACellForEachDepthAndLength) {
  const std::vector<NeedleRow> needles(3);
  const std::string svg = heat_map_svg({{"a", &needles}, {"b", &needles}});
  size_t cells = 0;
  for (size_t at = 0; (at = svg.find("<title>", at)) != std::string::npos; ++at) ++cells;
  EXPECT_EQ(cells, 2 * 3 * kDepths);
}

}  // namespace
}  // namespace phios::abilities
