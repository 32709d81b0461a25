#include "kernel/sched/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <vector>

namespace phios {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> out(n);
  for (float& x : out) x = normal(random);
  return out;
}

std::vector<uint64_t> mask_of(size_t n, std::initializer_list<size_t> admitted) {
  std::vector<uint64_t> mask((n + 63) / 64);
  for (const size_t i : admitted) mask[i / 64] |= uint64_t{1} << (i % 64);
  return mask;
}

// How often each token comes out of `draws` samples of the same logits.
std::map<int32_t, int> tally(const SamplerParams& params, const std::vector<float>& logits,
                             std::span<const uint64_t> mask = {}, int draws = 20000) {
  SamplerState state(params, 7);
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i) {
    std::vector<float> copy = logits;
    ++counts[sample(state, copy, mask)];
  }
  return counts;
}

TEST(Sampler, GreedyTakesTheLargestOfAnyLength) {
  for (const size_t n : {1u, 15u, 16u, 17u, 63u, 64u, 65u, 264u, 1000u}) {
    std::vector<float> logits = random_logits(n, static_cast<uint32_t>(n));
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    SamplerState state;
    EXPECT_EQ(sample(state, logits, {}), best) << n;
  }
}

TEST(Sampler, GreedyKeepsToTheMask) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const size_t n = 1 + seed * 3;
    std::vector<float> logits = random_logits(n, seed);
    std::mt19937 random(seed);
    std::vector<uint64_t> mask((n + 63) / 64);
    int32_t expected = -1;
    for (size_t i = 0; i < n; ++i) {
      if (random() % 4 != 0) continue;
      mask[i / 64] |= uint64_t{1} << (i % 64);
      if (expected < 0 || logits[i] > logits[static_cast<size_t>(expected)])
        expected = static_cast<int32_t>(i);
    }
    if (n % 64) mask.back() |= ~uint64_t{0} << (n % 64);  // bits behind the vocabulary mean nothing
    SamplerState state;
    EXPECT_EQ(sample(state, logits, mask), expected) << seed;
  }
}

TEST(Sampler, EqualLogitsGoToTheLowestId) {
  std::vector<float> logits(100, 1.0f);
  SamplerState state;
  EXPECT_EQ(sample(state, logits, {}), 0);
  EXPECT_EQ(sample(state, logits, mask_of(100, {97, 33, 50})), 33);
}

TEST(Sampler, NothingAdmittedIsMinusOne) {
  std::vector<float> logits(100, 1.0f);
  SamplerState state;
  EXPECT_EQ(sample(state, logits, mask_of(100, {})), -1);
}

TEST(Sampler, NanIsNeverChosenUnlessThereIsNothingElse) {
  std::vector<float> logits(70, kNan);
  logits[66] = -1000;
  SamplerState greedy, warm({.temperature = 1}, 3);
  EXPECT_EQ(sample(greedy, logits, {}), 66);
  EXPECT_EQ(sample(warm, logits, {}), 66);
  std::vector<float> all_nan(70, kNan);
  EXPECT_EQ(sample(greedy, all_nan, mask_of(70, {65})), 65);
}

TEST(Sampler, TemperatureFollowsTheDistribution) {
  const std::vector<float> logits = {0.0f, std::log(2.0f), std::log(5.0f), std::log(2.0f)};
  const auto counts = tally({.temperature = 1}, logits);
  EXPECT_NEAR(counts.at(0), 2000, 200);
  EXPECT_NEAR(counts.at(1), 4000, 250);
  EXPECT_NEAR(counts.at(2), 10000, 300);
  const auto masked = tally({.temperature = 1}, logits, mask_of(4, {0, 1}));
  EXPECT_EQ(masked.size(), 2u);
  EXPECT_NEAR(masked.at(1), 13333, 300);
}

TEST(Sampler, TopKKeepsKAndTiesByLowerId) {
  const std::vector<float> logits = {1, 3, 3, 2, 3, 0};
  EXPECT_EQ(tally({.temperature = 1, .top_k = 1}, logits).size(), 1u);
  const auto two = tally({.temperature = 1, .top_k = 2}, logits);
  EXPECT_EQ(two.size(), 2u);
  EXPECT_TRUE(two.contains(1) && two.contains(2));
  EXPECT_EQ(tally({.temperature = 100, .top_k = 4}, logits).size(), 4u);
  EXPECT_EQ(tally({.temperature = 100, .top_k = 50}, logits).size(), 6u);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesP) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  EXPECT_EQ(tally({.temperature = 1, .top_p = 0.4f}, logits).size(), 1u);
  EXPECT_EQ(tally({.temperature = 1, .top_p = 0.7f}, logits).size(), 2u);
  EXPECT_EQ(tally({.temperature = 1, .top_p = 0.9f}, logits).size(), 3u);
  EXPECT_EQ(tally({.temperature = 1, .top_p = 0}, logits).size(), 1u);
}

TEST(Sampler, MinPDropsWhatIsFarBelowTheBest) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  EXPECT_EQ(tally({.temperature = 1, .min_p = 0.2f}, logits).size(), 3u);
  EXPECT_EQ(tally({.temperature = 1, .min_p = 1}, logits).size(), 1u);
}

TEST(Sampler, TheFiltersAgreeWithSortingOnAWideVocabulary) {
  const std::vector<float> logits = random_logits(5000, 11);
  std::vector<float> sorted = logits;
  std::ranges::sort(sorted, std::greater());
  for (const int32_t k : {1, 7, 100, 4999}) {
    const auto counts = tally({.temperature = 20, .top_k = k}, logits, {}, 3000);
    for (const auto& [token, count] : counts)
      EXPECT_GE(logits[static_cast<size_t>(token)], sorted[static_cast<size_t>(k - 1)]);
  }
}

TEST(Sampler, ASeedRepeatsAndAForkGoesItsOwnWay) {
  const std::vector<float> logits = random_logits(264, 5);
  const auto run = [&](SamplerState state) {
    std::vector<int32_t> out;
    for (int i = 0; i < 20; ++i) {
      std::vector<float> copy = logits;
      out.push_back(sample(state, copy, {}));
    }
    return out;
  };
  const SamplerState state({.temperature = 5}, 42);
  EXPECT_EQ(run(state), run(state));
  SamplerState fork = state;
  fork.reseed(43);
  EXPECT_NE(run(state), run(fork));
}

}  // namespace
}  // namespace phios
