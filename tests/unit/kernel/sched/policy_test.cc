#include "kernel/sched/policy.h"

#include <gtest/gtest.h>

namespace phios {
namespace {

std::vector<Slot> choose(const std::vector<Candidate>& candidates, PassLimits limits) {
  std::vector<uint32_t> order;
  std::vector<Slot> chosen;
  choose_pass(candidates, limits, order, chosen);
  return chosen;
}

TEST(Policy, DecodesComeBeforeALongPromptWhichGetsAChunk) {
  const auto chosen = choose({{.waiting = 1000, .last_run = 0}, {.waiting = 1, .last_run = 5}},
                             {.positions = 128, .prefill_chunk = 64});
  ASSERT_EQ(chosen.size(), 2u);
  EXPECT_EQ(chosen[0].candidate, 1u);
  EXPECT_EQ(chosen[1].positions, 64u);
}

TEST(Policy, GuessesFillSmallPassesOnly) {
  const PassLimits limits{.positions = 128, .prefill_chunk = 64, .guessed = 10};
  const auto few = choose(
      {{.waiting = 1, .last_run = 0, .guesses = 6}, {.waiting = 2, .last_run = 1, .guesses = 6}}, limits);
  ASSERT_EQ(few.size(), 2u);
  EXPECT_EQ(few[0].positions, 7u);
  EXPECT_EQ(few[1].positions, 3u);  // 10 in all
  for (const Slot& slot : choose(std::vector<Candidate>(10, {.waiting = 1, .guesses = 6}), limits))
    EXPECT_EQ(slot.positions, 1u);
}

TEST(Policy, WhoCanOnlyTakeAPageIsPassedOverUntilThereIsOne) {
  const PassLimits limits{.positions = 64, .prefill_chunk = 32};
  std::vector<Candidate> candidates{{.waiting = 20, .last_run = 0},
                                    {.waiting = 40, .least = 16, .last_run = 1}};
  auto chosen = choose(candidates, limits);  // 12 positions are left to the second
  ASSERT_EQ(chosen.size(), 1u);
  EXPECT_EQ(chosen[0].candidate, 0u);
  candidates[0].waiting = 0;
  chosen = choose(candidates, limits);
  ASSERT_EQ(chosen.size(), 1u);
  EXPECT_EQ(chosen[0].positions, 32u);
}

TEST(Policy, NicerProcessesWait) {
  const auto chosen = choose({{.waiting = 1, .niceness = 5}, {.waiting = 1, .niceness = -5}},
                             {.positions = 1, .prefill_chunk = 1});
  ASSERT_EQ(chosen.size(), 1u);
  EXPECT_EQ(chosen[0].candidate, 1u);
}

TEST(Policy, WhoWaitedLongestGoesFirstSoThatNobodyStarves) {
  std::vector<Candidate> candidates(10, {.waiting = 1});
  std::vector<int> runs(10, 0);
  for (int64_t pass = 1; pass <= 50; pass++) {
    for (const Slot& slot : choose(candidates, {.positions = 2, .prefill_chunk = 2})) {
      runs[slot.candidate]++;
      candidates[slot.candidate].last_run = pass;
    }
  }
  for (const int n : runs) EXPECT_EQ(n, 10);
}

TEST(Policy, NeverMoreThanThePassHolds) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 100; i++) candidates.push_back({.waiting = i * 7 % 60 + 1});
  uint32_t sum = 0;
  for (const Slot& slot : choose(candidates, {.positions = 256, .prefill_chunk = 100})) {
    EXPECT_GT(slot.positions, 0u);
    sum += slot.positions;
  }
  EXPECT_LE(sum, 256u);
}

}  // namespace
}  // namespace phios
