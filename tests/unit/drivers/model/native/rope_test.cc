// Frequencies against what the papers' formulas give by hand.
#include "drivers/model/native/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace phios {
namespace {

TEST(Rope, PlainFrequenciesFallFromOneToTheBase) {
  const Rope rope({.base = 10000}, 8, true, {});
  const double expected[] = {1, 0.1, 0.01, 0.001};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(rope.frequencies()[i], expected[i], 1e-12);
  EXPECT_EQ(rope.magnitude(), 1);
}

TEST(Rope, LinearScalingDividesPositionsAndFactorsDivideEachFrequency) {
  const std::vector<float> factors = {1, 2, 4, 8};
  const Rope rope({.base = 10000, .scale = 0.25}, 8, true, factors);
  const double expected[] = {1 / 4.0, 0.1 / 8, 0.01 / 16, 0.001 / 32};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(rope.frequencies()[i], expected[i], 1e-12);
}

// Head of 128, base 10000, trained on 4096 positions, stretched by 16: pairs below 20 make over 32 turns,
// those from 46 on less than one; between them the share of interpolation grows evenly.
TEST(Rope, YarnKeepsFastPairsAndScalesSlowOnes) {
  const Rope plain({}, 128, true, {});
  const Rope rope({.scale = 1 / 16.0, .yarn = true, .original_context = 4096}, 128, true, {});
  for (size_t i = 0; i < 64; ++i) {
    const double share = std::min(std::max((static_cast<double>(i) - 20) / (46 - 20), 0.0), 1.0);
    EXPECT_NEAR(rope.frequencies()[i] / plain.frequencies()[i], share / 16 + 1 - share, 1e-12) << i;
  }
  EXPECT_NEAR(rope.magnitude(), 0.1 * std::log(16.0) + 1, 1e-12);
}

TEST(Rope, TablesHoldCosinesThenSignedSinesForBothPairings) {
  const Rope near({.magnitude = 2}, 4, false, {}), far({.magnitude = 2}, 4, true, {});
  ASSERT_EQ(near.table_size(), 8u);
  float table[8];
  near.turn(3, table);
  const float c0 = 2 * std::cos(3.0f), s0 = 2 * std::sin(3.0f), c1 = 2 * std::cos(0.03f),
              s1 = 2 * std::sin(0.03f);
  const float neighbours[] = {c0, c0, c1, c1, -s0, s0, -s1, s1};
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(table[i], neighbours[i], 1e-6f) << i;
  far.turn(3, table);
  const float halves[] = {c0, c1, c0, c1, -s0, -s1, s0, s1};
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(table[i], halves[i], 1e-6f) << i;
}

}  // namespace
}  // namespace phios
