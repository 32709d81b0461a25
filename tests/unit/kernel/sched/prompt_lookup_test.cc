#include "kernel/sched/prompt_lookup.h"

#include <gtest/gtest.h>

namespace phios {
namespace {

std::vector<Token> guess(const std::vector<Token>& text, uint32_t most) {
  std::vector<Token> out;
  guess_next(text, most, out);
  return out;
}

TEST(PromptLookup, WhatFollowedTheNewestTokensBefore) {
  EXPECT_EQ(guess({1, 2, 3, 4, 5, 6, 9, 1, 2, 3}, 3), (std::vector<Token>{4, 5, 6}));
  EXPECT_EQ(guess({7, 2, 3, 4, 5, 9, 2, 3}, 2), (std::vector<Token>{4, 5}))
      << "two tokens, if three do not occur";
  EXPECT_EQ(guess({1, 2, 3, 4, 8, 1, 2, 3, 5, 8, 1, 2, 3}, 1), (std::vector<Token>{5}))
      << "the last place counts";
  EXPECT_EQ(guess({1, 2, 3, 4, 0, 2, 3, 5, 1, 2, 3}, 1), (std::vector<Token>{4}))
      << "three tokens before two";
}

TEST(PromptLookup, NoSuchPlaceNoGuess) {
  EXPECT_TRUE(guess({}, 4).empty());
  EXPECT_TRUE(guess({1, 2}, 4).empty());
  EXPECT_TRUE(guess({1, 2, 3, 4, 5}, 4).empty());
  EXPECT_TRUE(guess({1, 2, 3, 1, 2, 3}, 0).empty());
}

TEST(PromptLookup, APeriodGoesOn) {
  EXPECT_EQ(guess({4, 4, 4}, 3), (std::vector<Token>{4, 4, 4}));
  EXPECT_EQ(guess({1, 2, 1, 2, 1}, 5), (std::vector<Token>{2, 1, 2, 1, 2}));
}

TEST(DraftLength, FollowsWhatCameTrue) {
  DraftLength draft(6);
  EXPECT_EQ(draft.next(), 6u) << "a first try costs little";
  draft.came_true(2);
  EXPECT_EQ(draft.next(), 4u);
  draft.came_true(0);
  EXPECT_EQ(draft.next(), 1u) << "never none: it could not grow again";
  for (const uint32_t next : {2u, 4u, 6u, 6u}) {
    draft.came_true(draft.next());
    EXPECT_EQ(draft.next(), next);
  }
  draft.came_true(1);
  draft.set_most(6);
  EXPECT_EQ(draft.next(), 2u) << "the next call goes on";
  draft.set_most(5);
  EXPECT_EQ(draft.next(), 5u);
  DraftLength none;
  none.came_true(0);
  EXPECT_EQ(none.next(), 0u);
}

}  // namespace
}  // namespace phios
