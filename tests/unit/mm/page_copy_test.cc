#include "mm/page_copy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "tests/unit/mm/direct_io.h"

namespace phios {
namespace {

constexpr KvShape kShape{3, 2, 16};
constexpr uint32_t kFrames = 4, kSlots = 2;

class PageCopyTest : public testing::Test {
 protected:
  // A page of one value, in a frame.
  FrameRef make(KvTier tier, int value) {
    FrameRef page = *pool_->allocate(tier);
    std::memset(page.data(), value, kShape.frame_bytes(tier));
    return page;
  }
  static PageCopy copy_of(KvTier tier, int value) {
    return {tier, std::vector<std::byte>(kShape.frame_bytes(tier), static_cast<std::byte>(value))};
  }
  void expect_holds(const FrameRef& page, KvTier tier, int value) {
    const Result<PageCopy> copy = PageCopy::of(page, *pool_, file_.get());
    ASSERT_TRUE(copy) << copy.error().message;
    EXPECT_EQ(copy->tier, tier);
    EXPECT_EQ(copy->bytes, copy_of(tier, value).bytes);
  }

  std::unique_ptr<FramePool> pool_ = std::move(*FramePool::create(kShape, kFrames, kSlots));
  DirectIo io_;
  std::unique_ptr<SwapFile> file_ = std::move(*SwapFile::create(testing::TempDir(), kShape, kSlots, io_));
};

TEST_F(PageCopyTest, CopiesFramesOfEveryTier) {
  for (const KvTier tier : {KvTier::kF16, KvTier::kInt8, KvTier::kInt4, KvTier::kInt2})
    expect_holds(make(tier, 7), tier, 7);
  EXPECT_EQ(io_.reads, 0);
}

TEST_F(PageCopyTest, APageOnDiskHoldsWhatItWasMadeOf) {
  const FrameRef warm = *copy_of(KvTier::kF16, 1).to_disk(*pool_, *file_);
  const FrameRef cold = *copy_of(KvTier::kInt4, 2).to_disk(*pool_, *file_);
  EXPECT_EQ(pool_->free_frames(), kFrames);
  EXPECT_EQ(pool_->count(PagePlace::kSwap), 2u);
  expect_holds(warm, KvTier::kF16, 1);
  expect_holds(cold, KvTier::kInt4, 2);
  EXPECT_EQ(pool_->place(cold.index()), PagePlace::kSwap) << "a copy leaves it there";
}

TEST_F(PageCopyTest, WithoutASlotNothingChanges) {
  const FrameRef first = *copy_of(KvTier::kF16, 1).to_disk(*pool_, *file_);
  const FrameRef second = *copy_of(KvTier::kF16, 2).to_disk(*pool_, *file_);
  EXPECT_EQ(copy_of(KvTier::kF16, 3).to_disk(*pool_, *file_).error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(pool_->count(PagePlace::kSwap), 2u);
  expect_holds(first, KvTier::kF16, 1);
  expect_holds(second, KvTier::kF16, 2);
}

TEST_F(PageCopyTest, AFailedWriteGivesItsSlotBack) {
  io_.bad_write = 1;
  EXPECT_EQ(copy_of(KvTier::kF16, 1).to_disk(*pool_, *file_).error().code, ErrorCode::EIO_);
  EXPECT_EQ(pool_->count(PagePlace::kSwap), 0u);
  const FrameRef first = *copy_of(KvTier::kF16, 1).to_disk(*pool_, *file_);
  EXPECT_TRUE(copy_of(KvTier::kF16, 2).to_disk(*pool_, *file_));
}

TEST_F(PageCopyTest, WhatTheDiskGivesBackChangedIsNoCopy) {
  const FrameRef page = *copy_of(KvTier::kF16, 1).to_disk(*pool_, *file_);
  io_.bad_read = 1;
  EXPECT_EQ(PageCopy::of(page, *pool_, file_.get()).error().code, ErrorCode::EIO_);
  expect_holds(page, KvTier::kF16, 1);
}

TEST_F(PageCopyTest, ALostPageHasNone) {
  const FrameRef page = make(KvTier::kF16, 1);
  pool_->discard(pool_->move(page.index(), pool_->take_place(PagePlace::kLost)));
  EXPECT_EQ(PageCopy::of(page, *pool_, file_.get()).error().code, ErrorCode::ENOENT_);
}

}  // namespace
}  // namespace phios
