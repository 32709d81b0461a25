#include "mm/page_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "mm/page_table.h"
#include "tests/unit/mm/direct_io.h"

namespace phios {
namespace {

constexpr KvShape kShape{3, 2, 16};
constexpr uint32_t kPages = 8;

// Of a page's bytes, by tier, layer and place.
std::byte pattern(uint32_t page, uint32_t layer, size_t at) {
  return static_cast<std::byte>(page * 37 + layer * 101 + at * 3);
}

class PageStreamTest : public testing::Test {
 protected:
  PageStreamTest() {
    for (uint32_t page = 0; page < kPages; ++page) {
      EXPECT_TRUE(table_.append(PHI_PAGE_TOKENS));
      fill(page, KvTier::kF16, pool_->data(table_.page(page)));
    }
  }
  static void fill(uint32_t page, KvTier tier, std::byte* frame) {
    for (uint32_t layer = 0; layer < kShape.n_layers; ++layer)
      for (size_t at = 0; at < kShape.layer_bytes(tier); ++at)
        frame[layer * kShape.layer_bytes(tier) + at] = pattern(page, layer, at);
    for (size_t at = kShape.n_layers * kShape.layer_bytes(tier); at < kShape.frame_bytes(tier); ++at)
      frame[at] = pattern(page, kShape.n_layers, at);
  }
  void put_out(uint32_t page, KvTier tier) {
    const uint32_t number = table_.page(page), slot = pool_->take_place(PagePlace::kSwap);
    std::vector<std::byte> frame(kShape.frame_bytes(tier));
    fill(page, tier, frame.data());
    file_->write(pool_->slot_at(slot), tier, frame, [](const Status& status) { EXPECT_TRUE(status); });
    pool_->discard(pool_->move(number, slot));
  }
  std::unique_ptr<PageStream> open(uint32_t pages) {
    return PageStream::create(*pool_, *file_, pages, [this](uint32_t page, const Status& why) {
      EXPECT_EQ(why.error().code, ErrorCode::EIO_);
      lost_.push_back(page);
    });
  }
  void attach(PageStream& stream, PageStream::Reads reads = PageStream::Reads::kAll) {
    view_.clear(), numbers_.clear();
    table_.view(view_);
    table_.numbers(numbers_);
    stream.attach(view_, numbers_, reads);
  }
  // Every byte of a layer, of pages in memory and on disk alike.
  void expect_layer(uint32_t layer) const {
    for (const KvSpan& span : view_)
      for (size_t at = 0; at < kShape.layer_bytes(span.tier); ++at)
        ASSERT_EQ(span.frame[kShape.key_offset(span.tier, layer, 0) + at],
                  pattern(span.first_pos / PHI_PAGE_TOKENS, layer, at))
            << "page at " << span.first_pos << ", layer " << layer << ", byte " << at;
  }

  std::unique_ptr<FramePool> pool_ = std::move(*FramePool::create(kShape, kPages + 2, kPages));
  DirectIo io_;
  std::unique_ptr<SwapFile> file_ = std::move(*SwapFile::create(testing::TempDir(), kShape, kPages, io_));
  PageTable table_{*pool_};
  std::vector<KvSpan> view_;
  std::vector<uint32_t> numbers_, lost_;
};

TEST_F(PageStreamTest, ALayerAtATimeIsWhereItsOffsetsLead) {
  table_.drop(2);
  for (const uint32_t page : {0u, 3u, 4u}) put_out(page, KvTier::kF16);
  put_out(1, KvTier::kInt4);
  const uint32_t free = pool_->free_frames();
  const std::unique_ptr<PageStream> stream = open(4);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(pool_->free_frames(), free - 2) << "three layers' bytes fit in a frame";
  attach(*stream);
  for (uint32_t layer = 0; layer < kShape.n_layers; ++layer) {
    stream->enter(layer);
    expect_layer(layer);
    stream->leave(layer);
  }
  EXPECT_EQ(io_.reads, 4 * 3);
  EXPECT_EQ(stream->outcome(), PageStream::Outcome::kRead);
}

TEST_F(PageStreamTest, OneThatChoosesReadsWhatIsWanted) {
  table_.drop(2);
  for (const uint32_t page : {0u, 1u, 3u, 4u}) put_out(page, KvTier::kF16);
  const std::unique_ptr<PageStream> stream = open(4);
  attach(*stream, PageStream::Reads::kChosen);
  EXPECT_TRUE(stream->chooses());
  EXPECT_EQ(io_.reads, 0);
  const std::vector<uint8_t> wanted[] = {
      {0, 1, 0, 0, 1, 1, 0, 0}, {0, 0, 0, 0, 0, 1, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1}};
  const int reads[] = {2, 2, 6};  // after each layer
  for (uint32_t layer = 0; layer < kShape.n_layers; ++layer) {
    stream->enter(layer, wanted[layer]);
    for (const KvSpan& span : view_) {
      const uint32_t page = span.first_pos / PHI_PAGE_TOKENS;
      if (wanted[layer][page] == 0) continue;
      EXPECT_EQ(span.frame[kShape.key_offset(KvTier::kF16, layer, 0) + 9], pattern(page, layer, 9));
    }
    EXPECT_EQ(io_.reads, reads[layer]) << "layer " << layer;
    stream->leave(layer);
  }
  EXPECT_EQ(stream->layers_read(), 6u);
}

TEST_F(PageStreamTest, OneThatChoosesReadsNothingMoreWhenAPageIsLost) {
  for (const uint32_t page : {0u, 1u}) put_out(page, KvTier::kF16);
  io_.bad_read = 1;
  const std::unique_ptr<PageStream> stream = open(2);
  attach(*stream, PageStream::Reads::kChosen);
  const std::vector<uint8_t> first = {1, 0, 0, 0, 0, 0, 0, 0}, second = {0, 1, 0, 0, 0, 0, 0, 0};
  stream->enter(0, first);
  stream->leave(0);
  stream->enter(1, second);
  EXPECT_EQ(stream->outcome(), PageStream::Outcome::kLost);
  EXPECT_EQ(io_.reads, 1);
  const std::byte* bytes = view_[1].frame + kShape.key_offset(KvTier::kF16, 1, 0);
  EXPECT_TRUE(std::all_of(bytes, bytes + kShape.layer_bytes(KvTier::kF16),
                          [](std::byte b) { return b == std::byte{0}; }));
}

// The ranges of its keys, of which those of a page in f16 stand behind its layers.
TEST_F(PageStreamTest, RangesOfPagesOnDiskAreAtHand) {
  for (const KvTier tier : {KvTier::kF16, KvTier::kInt8, KvTier::kInt2})
    put_out(static_cast<uint32_t>(tier), tier);
  const std::unique_ptr<PageStream> stream = open(3);
  attach(*stream, PageStream::Reads::kChosen);
  for (const uint32_t page : {0u, 1u, 3u}) {
    const KvSpan& span = view_[page];
    ASSERT_NE(span.ranges, nullptr);
    std::vector<std::byte> frame(kShape.frame_bytes(span.tier));
    fill(page, span.tier, frame.data());
    const std::byte* ranges = span.ranges;
    for (uint32_t layer = 0; layer < kShape.n_layers; ++layer)
      for (uint32_t head = 0; head < kShape.n_kv_heads; ++head, ranges += kShape.range_bytes())
        EXPECT_EQ(std::memcmp(ranges, &frame[kShape.key_range_offset(span.tier, layer, head)],
                              kShape.range_bytes()),
                  0)
            << "page " << page << ", layer " << layer << ", head " << head;
  }
  EXPECT_EQ(view_[2].ranges, nullptr) << "it is in memory";
}

TEST_F(PageStreamTest, BorrowedFramesGoBackAndTooFewAreNone) {
  put_out(0, KvTier::kF16);
  const uint32_t free = pool_->free_frames();
  EXPECT_EQ(open(3 * free + 1), nullptr);
  EXPECT_EQ(pool_->free_frames(), free);
  open(3 * free).reset();
  EXPECT_EQ(pool_->free_frames(), free);
}

TEST_F(PageStreamTest, WhatTheDiskChangedIsLostAndReadsAsZeros) {
  put_out(5, KvTier::kF16);
  io_.bad_read = 2;
  const std::unique_ptr<PageStream> stream = open(1);
  attach(*stream);
  stream->enter(0);
  expect_layer(0);
  stream->leave(0);
  stream->enter(1);
  EXPECT_EQ(view_[5].frame[kShape.key_offset(KvTier::kF16, 1, 0)], std::byte{0});
  stream->leave(1);
  stream->enter(2);
  stream->leave(2);
  EXPECT_EQ(stream->outcome(), PageStream::Outcome::kLost);
  EXPECT_EQ(lost_, std::vector<uint32_t>{table_.page(5)});
  EXPECT_EQ(io_.reads, 2) << "the rest of the pass is in vain";
}

}  // namespace
}  // namespace phios
