#include "kernel/proc/context.h"

#include <gtest/gtest.h>

namespace phios {
namespace {

class ContextTest : public ::testing::Test {
 protected:
  static constexpr KvShape kShape{1, 1, 8};
  void compute(Context& context, uint32_t n) {
    ASSERT_TRUE(context.pages().append(n));
    context.counts().forwarded += n;
  }
  static bool balanced(const TokenCounts& c) {
    return c.forwarded == c.prompt + c.generated + c.results - c.reused;
  }
  std::unique_ptr<FramePool> pool_ = std::move(*FramePool::create(kShape, 64));
};

TEST_F(ContextTest, EveryTokenIsCountedOnTheSideThatWroteIt) {
  Context context(*pool_);
  context.append(std::vector<Token>(20, 1), Origin::kPrompt, "base");
  context.append(std::vector<Token>(5, 2), Origin::kModel, {});
  context.append(std::vector<Token>(7, 3), Origin::kResult, {});
  compute(context, 32);
  EXPECT_EQ(context.counts().prompt, 20u);
  EXPECT_EQ(context.counts().generated, 5u);
  EXPECT_EQ(context.counts().results, 7u);
  EXPECT_TRUE(balanced(context.counts()));
  EXPECT_EQ(context.spans().size(), 3u);
}

TEST_F(ContextTest, WhatLeavesBeforeItWasComputedCountsOnNoSide) {
  Context context(*pool_);
  context.append(std::vector<Token>(10, 1), Origin::kPrompt, "base");
  compute(context, 10);
  context.append(std::vector<Token>(4, 2), Origin::kModel, {});  // never computed: a JUMP's frame
  EXPECT_FALSE(balanced(context.counts()));
  context.truncate(10);
  EXPECT_EQ(context.counts().generated, 0u);
  EXPECT_TRUE(balanced(context.counts()));
  context.truncate(3);  // computed tokens stay counted
  EXPECT_EQ(context.counts().prompt, 10u);
  EXPECT_EQ(context.computed(), 3u);
  EXPECT_TRUE(balanced(context.counts()));
}

TEST_F(ContextTest, ReusedPagesTakeThePlaceOfWorkAndOfNothingElse) {
  Context first(*pool_), second(*pool_);
  const std::vector<Token> tokens(40, 1);
  first.append(tokens, Origin::kPrompt, {});
  compute(first, 40);
  second.append(tokens, Origin::kPrompt, {});
  const FrameRef pages[] = {first.pages().frame(0), first.pages().frame(1)};
  second.reuse(pages);
  EXPECT_EQ(second.computed(), 32u);
  EXPECT_EQ(second.counts().reused, 32u);
  compute(second, 8);
  EXPECT_TRUE(balanced(second.counts()));
}

TEST_F(ContextTest, ACopySharesEveryPageUntilOneSideWrites) {
  Context first(*pool_);
  first.append(std::vector<Token>(20, 1), Origin::kPrompt, {});
  compute(first, 20);
  const uint32_t free_before = pool_->free_frames();
  Context copy = first;
  EXPECT_EQ(pool_->free_frames(), free_before);
  copy.append(std::vector<Token>(1, 2), Origin::kModel, {});
  compute(copy, 1);  // the half-full tail page is copied, the full one is not
  EXPECT_EQ(pool_->free_frames(), free_before - 1);
  EXPECT_EQ(first.computed(), 20u);
}

}  // namespace
}  // namespace phios
