#include "mm/store/context_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

#include "mm/page_copy.h"
#include "tests/unit/mm/direct_io.h"
#include "tests/unit/mm/store/temp_dir.h"

namespace phios {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr KvShape kShape{2, 1, 16};
constexpr ContextModel kModel{0x1234, 100};
constexpr uint32_t kSlots = 4;

template <class T, class Call>
Result<T> wait(Call&& call) {
  std::promise<Result<T>> answer;
  call([&](Result<T> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}

class ContextStoreTest : public testing::Test {
 protected:
  std::unique_ptr<ContextStore> open(ContextModel model = kModel) {
    return std::move(*ContextStore::open(dir_.path(), model, {*pool_, swap_.get()}));
  }
  // n tokens, of which `positions` are computed, in pages filled with a pattern.
  ContextImage make(uint32_t n, uint32_t positions) {
    ContextImage image(*pool_);
    for (uint32_t i = 0; i < n; ++i) image.tokens.push_back(static_cast<int32_t>(i % 100));
    image.spans = {{0, n / 2, 0, "base"}, {n / 2, n - n / 2, 2, ""}};
    EXPECT_TRUE(image.pages.append(positions));
    for (uint32_t page = 0; page < image.pages.pages(); ++page)
      std::memset(image.pages.frame(page).data(), static_cast<int>(page + 1), kShape.frame_bytes());
    return image;
  }
  Status save(const std::string& name, ContextImage image) {
    const auto store = open();
    return wait<void>([&](auto done) { store->save(name, std::move(image), done); });
  }
  Result<ContextImage> load(const std::string& name, ContextModel model = kModel) {
    const auto store = open(model);
    return wait<ContextImage>([&](auto done) { store->load(name, done); });
  }
  std::string only_file() const { return std::filesystem::directory_iterator(dir_.path())->path().string(); }

  const TempDir dir_;
  std::unique_ptr<FramePool> pool_ = std::move(*FramePool::create(kShape, 16, kSlots));
  std::unique_ptr<SwapFile> swap_;  // none, but for those that open one
};

// Contexts that are partly on disk, or larger than the memory.
class ContextStoreSwapTest : public ContextStoreTest {
 protected:
  ContextStoreSwapTest() { swap_ = std::move(*SwapFile::create(testing::TempDir(), kShape, kSlots, io_)); }
  void put_out(const ContextImage& image, uint32_t page) {
    const uint32_t number = image.pages.page(page), to = pool_->take_place(PagePlace::kSwap);
    swap_->write(pool_->slot_at(to), KvTier::kF16, {pool_->data(number), kShape.frame_bytes()},
                 [](const Status& written) { EXPECT_TRUE(written); });
    pool_->discard(pool_->move(number, to));
  }
  // Its pages hold what make() wrote, wherever they are.
  void expect_patterns(const ContextImage& image) {
    for (uint32_t page = 0; page < image.pages.pages(); ++page) {
      const Result<PageCopy> copy = PageCopy::of(image.pages.frame(page), *pool_, swap_.get());
      ASSERT_TRUE(copy) << copy.error().message;
      const std::vector<std::byte> wanted(kShape.frame_bytes(), static_cast<std::byte>(page + 1));
      EXPECT_EQ(copy->bytes, wanted) << "page " << page;
    }
  }
  std::vector<PagePlace> places(const ContextImage& image) {
    std::vector<PagePlace> found;
    for (uint32_t page = 0; page < image.pages.pages(); ++page)
      found.push_back(pool_->place(image.pages.page(page)));
    return found;
  }

  DirectIo io_;
};

TEST_F(ContextStoreTest, AContextComesBackAsItWasSaved) {
  const ContextImage image = make(40, 37);
  ASSERT_TRUE(save("/mem/a", image));
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->tokens, image.tokens);
  EXPECT_EQ(back->spans, image.spans);
  ASSERT_EQ(back->pages.positions(), 37u);
  for (uint32_t page = 0; page < 2; ++page) {
    EXPECT_EQ(
        0, std::memcmp(back->pages.frame(page).data(), image.pages.frame(page).data(), kShape.frame_bytes()));
  }
  // Of the last page the five positions in use; what stood behind them is not kept.
  const std::byte* tail = back->pages.frame(2).data();
  const size_t row = kShape.head_dim * sizeof(uint16_t);
  const size_t keys = kShape.key_offset(KvTier::kF16, 1, 0), values = kShape.value_offset(KvTier::kF16, 1, 0);
  EXPECT_EQ(tail[keys + 9], std::byte{3});
  EXPECT_EQ(tail[keys + 10], std::byte{0});
  EXPECT_EQ(tail[values + 5 * row - 1], std::byte{3});
  EXPECT_EQ(tail[values + 5 * row], std::byte{0});
}

TEST_F(ContextStoreTest, ColdPagesAndHolesComeBackAsTheyAre) {
  ContextImage image = make(64, 64);
  const FrameRef cold = *pool_->allocate(KvTier::kInt4);
  std::memset(cold.data(), 77, kShape.frame_bytes(KvTier::kInt4));
  image.pages.truncate(32);
  image.pages.drop(1);
  image.pages.append_shared(cold, PHI_PAGE_TOKENS);
  ASSERT_TRUE(save("/mem/a", image));
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_EQ(back->pages.positions(), 48u);
  EXPECT_EQ(back->pages.page(1), kNoPage);
  EXPECT_EQ(pool_->place(back->pages.page(2)), PagePlace::kInt4);
  EXPECT_EQ(0, std::memcmp(back->pages.frame(2).data(), cold.data(), kShape.frame_bytes(KvTier::kInt4)));
}

TEST_F(ContextStoreTest, PagesThatAreNotInMemoryAreLeftToBeComputed) {
  const ContextImage image = make(64, 64);
  pool_->discard(pool_->move(image.pages.page(2), pool_->take_place(PagePlace::kLost)));
  ASSERT_TRUE(save("/mem/a", image));
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->tokens.size(), 64u);
  EXPECT_EQ(back->pages.positions(), 32u);
}

TEST_F(ContextStoreTest, TheNewestSaveOfANameCounts) {
  ASSERT_TRUE(save("/mem/a", make(40, 40)));
  ASSERT_TRUE(save("/mem/a", make(7, 0)));
  EXPECT_EQ(load("/mem/a")->tokens.size(), 7u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_.path()), {}), 1);
}

TEST_F(ContextStoreTest, NamesAreListedByPrefixAndForgotten) {
  const std::string odd = "/mem/ä/../" + std::string(200, '%');
  for (const std::string& name : {std::string("/mem/b"), std::string("/mem/a"), odd})
    ASSERT_TRUE(save(name, make(3, 3)));
  const auto store = open();
  const auto list = [&](const std::string& prefix) {
    return *wait<std::vector<std::string>>([&](auto done) { store->list(prefix, done); });
  };
  EXPECT_THAT(list("/mem/"), ElementsAre("/mem/a", "/mem/b", odd));
  EXPECT_THAT(list("/mem/ä"), ElementsAre(odd));
  EXPECT_TRUE(wait<void>([&](auto done) { store->drop("/mem/a", done); }));
  EXPECT_EQ(wait<void>([&](auto done) { store->drop("/mem/a", done); }).error().code, ErrorCode::ENOENT_);
  EXPECT_EQ(load("/mem/a").error().code, ErrorCode::ENOENT_);
  EXPECT_THAT(list("/mem/"), ElementsAre("/mem/b", odd));
}

TEST_F(ContextStoreTest, AnotherModelsContextIsRefused) {
  ASSERT_TRUE(save("/mem/a", make(20, 20)));
  const Error error = load("/mem/a", {0x9999, 100}).error();
  EXPECT_EQ(error.code, ErrorCode::EINVAL_);
  EXPECT_THAT(error.message, HasSubstr("another model"));
  EXPECT_EQ(load("/mem/a", {kModel.id, 5}).error().code, ErrorCode::EIO_) << "tokens beyond the vocabulary";
}

TEST_F(ContextStoreTest, EveryFlippedByteAndEveryCutIsNoticed) {
  ASSERT_TRUE(save("/mem/a", make(20, 17)));
  const std::string path = only_file();
  std::string whole;
  {
    std::ifstream in(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto put = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<long>(bytes.size()));
  };
  const uint32_t free_before = pool_->free_frames();
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    put(bad);
    EXPECT_FALSE(load("/mem/a")) << "byte " << at;
  }
  for (size_t bytes = 0; bytes < whole.size(); bytes += 7) {
    put(whole.substr(0, bytes));
    EXPECT_FALSE(load("/mem/a")) << bytes << " bytes";
  }
  put(whole + "x");
  EXPECT_THAT(load("/mem/a").error().message, HasSubstr("damaged"));
  EXPECT_EQ(pool_->free_frames(), free_before);
  put(whole);
  EXPECT_TRUE(load("/mem/a"));
}

TEST_F(ContextStoreTest, WhatHasNoFrameIsLeftToBeComputed) {
  ASSERT_TRUE(save("/mem/a", make(64, 64)));
  PageTable others(*pool_);
  ASSERT_TRUE(others.append(14 * PHI_PAGE_TOKENS));
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->tokens.size(), 64u);
  EXPECT_EQ(back->pages.positions(), 2u * PHI_PAGE_TOKENS);
}

TEST_F(ContextStoreSwapTest, PagesOnDiskAreSavedAndStayThere) {
  const ContextImage image = make(64, 64);
  put_out(image, 0);
  put_out(image, 2);
  ASSERT_TRUE(save("/mem/a", image));
  EXPECT_THAT(places(image),
              ElementsAre(PagePlace::kSwap, PagePlace::kF16, PagePlace::kSwap, PagePlace::kF16));
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->pages.positions(), 64u);
  EXPECT_THAT(places(*back), Each(PagePlace::kF16)) << "there is room for all";
  expect_patterns(*back);
}

TEST_F(ContextStoreSwapTest, WhatTheDiskDoesNotGiveBackIsLeftToBeComputed) {
  const ContextImage image = make(64, 64);
  put_out(image, 0);
  put_out(image, 2);
  io_.bad_read = 2;
  ASSERT_TRUE(save("/mem/a", image));
  EXPECT_EQ(load("/mem/a")->pages.positions(), 32u);
}

TEST_F(ContextStoreSwapTest, TheOldestPagesOfALargeContextComeToTheDisk) {
  ASSERT_TRUE(save("/mem/a", make(64, 64)));
  PageTable others(*pool_);
  ASSERT_TRUE(others.append(13 * PHI_PAGE_TOKENS));
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->pages.positions(), 64u);
  EXPECT_THAT(places(*back),
              ElementsAre(PagePlace::kSwap, PagePlace::kF16, PagePlace::kF16, PagePlace::kF16));
  expect_patterns(*back);
}

TEST_F(ContextStoreSwapTest, WhatNeitherHasRoomForIsLeftToBeComputed) {
  ASSERT_TRUE(save("/mem/a", make(112, 112)));  // seven pages
  PageTable others(*pool_);
  ASSERT_TRUE(others.append(14 * PHI_PAGE_TOKENS));
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->tokens.size(), 112u);
  EXPECT_EQ(back->pages.positions(), (kSlots + 2) * PHI_PAGE_TOKENS);
  expect_patterns(*back);
}

TEST_F(ContextStoreSwapTest, ADiskThatFailsIsNotAskedAgain) {
  ASSERT_TRUE(save("/mem/a", make(64, 64)));
  PageTable others(*pool_);
  ASSERT_TRUE(others.append(14 * PHI_PAGE_TOKENS));
  io_.bad_write = 1;
  const Result<ContextImage> back = load("/mem/a");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->pages.positions(), 2u * PHI_PAGE_TOKENS);
  EXPECT_EQ(io_.writes, 1);
  expect_patterns(*back);
}

TEST_F(ContextStoreTest, AHalfWrittenFileOfADeadProcessIsRemoved) {
  ASSERT_TRUE(save("/mem/a", make(3, 3)));
  const std::string dead = only_file() + ".tmp.999999999";
  std::ofstream(dead) << "half";
  open();
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(load("/mem/a"));
}

}  // namespace
}  // namespace phios
