#include "mm/pager.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <random>

namespace phios {
namespace {

constexpr KvShape kShape{1, 1, 16};

class TestEnv final : public Env {
 public:
  Nanos now() noexcept override { return now_ += kMillisecond; }
  int64_t unix_millis() noexcept override { return 0; }
  uint64_t seed() noexcept override { return 1; }

 private:
  Nanos now_ = 0;
};

// Carries transfers out when it is told to, and badly when it is told to.
class TestIo final : public SwapIo {
 public:
  enum class Fault { kNone, kError, kShort, kFlip };
  void read(int fd, std::span<std::byte> buffer, int64_t offset, Done done) override {
    const Fault fault = next_read();
    queue_.push_back([=, this] {
      ++reads;
      if (fault == Fault::kError) return done(fail(ErrorCode::EIO_, "injected"));
      const size_t n = fault == Fault::kShort ? buffer.size() / 2 : buffer.size();
      const ssize_t got = ::pread(fd, buffer.data(), n, offset);
      if (fault == Fault::kFlip) buffer[buffer.size() / 3] ^= std::byte{4};
      done(static_cast<size_t>(got));
    });
  }
  void write(int fd, std::span<const std::byte> buffer, int64_t offset, Done done) override {
    queue_.push_back([=, this] {
      if (fail_writes) return done(fail(ErrorCode::EIO_, "injected"));
      done(static_cast<size_t>(::pwrite(fd, buffer.data(), buffer.size(), offset)));
    });
  }
  void run(size_t most = SIZE_MAX) {
    for (; most > 0 && !queue_.empty(); --most) {
      const auto next = std::move(queue_.front());
      queue_.pop_front();
      next();
    }
  }
  int reads = 0;
  bool fail_writes = false;
  int fault_each = 0;  // every n-th read; 0: none

 private:
  Fault next_read() {
    if (fault_each == 0 || ++begun_ % fault_each != 0) return Fault::kNone;
    constexpr Fault kFaults[] = {Fault::kError, Fault::kShort, Fault::kFlip};
    return kFaults[begun_ / fault_each % 3];
  }
  std::deque<std::function<void()>> queue_;
  int begun_ = 0;
};

// A context whose pages hold what its number and their place say.
struct Owner {
  Owner(Pager& pager, FramePool& pool, uint32_t id) : number(id), table(pool), client(pager, table) {}
  std::byte pattern(uint32_t page) const { return static_cast<std::byte>(number * 31 + page * 7 + 1); }
  void fill(uint32_t page) {
    std::memset(table.pool().data(table.page(page)), static_cast<int>(pattern(page)),
                table.pool().shape().frame_bytes());
  }
  void check() const {
    for (uint32_t page = 0; page < table.pages(); ++page) {
      const std::byte* bytes = table.pool().data(table.page(page));
      ASSERT_NE(bytes, nullptr) << number << ": page " << page << " is not there";
      ASSERT_EQ(bytes[0], pattern(page)) << number << ": page " << page;
      ASSERT_EQ(bytes[kShape.frame_bytes() - 1], pattern(page)) << number << ": page " << page;
    }
  }
  const uint32_t number;
  PageTable table;
  Pager::Client client;
};

class PagerTest : public testing::Test {
 protected:
  void open(uint32_t frames, uint32_t slots, KvShape shape = kShape) {
    pool_ = std::move(*FramePool::create(shape, frames, slots));
    prefixes_ = std::make_unique<PrefixTree>(*pool_);
    if (slots > 0) swap_ = std::move(*SwapFile::create(testing::TempDir(), shape, slots, io_));
    pager_ = std::make_unique<Pager>(env_, *pool_, *prefixes_, swap_.get());
  }
  // One turn in the batch: true when the context was computed one page further.
  bool turn(Owner& owner, bool last_resort) {
    switch (pager_->admit(owner.client, last_resort)) {
      case Pager::Admission::kLost: {
        uint32_t first = 0;
        const uint32_t n = pager_->revive(owner.client, 2, first);
        if (n == 0) return false;
        pager_->begin_pass(owner.client);
        for (uint32_t page = first; page < first + n; ++page) owner.fill(page);
        pager_->end_pass(owner.client);
        pager_->revived(owner.client, true);
        return true;
      }
      case Pager::Admission::kWait:
      case Pager::Admission::kStuck:
      case Pager::Admission::kTooLarge:
        return false;
      case Pager::Admission::kAdmitted:
        break;
    }
    if (pager_->streams(owner.client) || !owner.table.append(PHI_PAGE_TOKENS)) {
      if (pager_->make_room(owner.client, 1, last_resort) != Pager::Admission::kAdmitted) return false;
      if (!owner.table.append(PHI_PAGE_TOKENS)) return false;
    }
    if (pager_->streams(owner.client)) return stream(owner);
    pager_->begin_pass(owner.client);
    owner.fill(owner.table.pages() - 1);
    owner.check();
    pager_->end_pass(owner.client);
    return true;
  }
  // A pass of a context that is larger than the memory: it sees its pages layer by layer.
  bool stream(Owner& owner) {
    if (!pager_->open_stream(owner.client)) {
      owner.table.truncate(owner.table.positions() - PHI_PAGE_TOKENS);
      return false;
    }
    std::vector<KvSpan> view;
    owner.table.view(view);
    PageStream* stream = pager_->attach_stream(owner.client, view, PageStream::Reads::kAll);
    pager_->begin_pass(owner.client);
    io_.run();
    const uint32_t written = owner.table.pages() - 1;
    owner.fill(written);
    for (uint32_t layer = 0; layer < pool_->shape().n_layers; ++layer) {
      stream->enter(layer);
      const size_t at = pool_->shape().key_offset(KvTier::kF16, layer, 0);
      for (uint32_t page = 0; page < written && stream->outcome() == PageStream::Outcome::kRead; ++page)
        EXPECT_EQ(view[page].frame[at], owner.pattern(page)) << "page " << page << ", layer " << layer;
      stream->leave(layer);
      io_.run();
    }
    pager_->end_pass(owner.client);
    if (pager_->outcome(owner.client) == PageStream::Outcome::kRead) return true;
    owner.table.truncate(written * PHI_PAGE_TOKENS);
    return false;
  }
  // 64 contexts grow to 16 pages each, as a batcher would have them do; then they go.
  void run_all() {
    std::vector<std::unique_ptr<Owner>> owners;
    for (uint32_t i = 0; i < 64; ++i) owners.push_back(std::make_unique<Owner>(*pager_, *pool_, i));
    uint32_t finished = 0;
    for (int pass = 0; finished < 64; ++pass) {
      ASSERT_LT(pass, 200'000) << finished << " finished";
      bool anyone = false;
      for (const bool last_resort : {false, true}) {
        for (std::unique_ptr<Owner>& owner : owners) {
          if (!owner) continue;
          if (turn(*owner, last_resort)) anyone = true;
          if (HasFatalFailure()) return;
          if (owner->table.pages() == 16) {
            pager_->leave(owner->client);
            owner.reset();
            ++finished;
          }
          if (anyone && last_resort) break;
        }
        if (anyone) break;
      }
      io_.run(5);
    }
    io_.run();
  }

  TestEnv env_;
  std::unique_ptr<FramePool> pool_;
  TestIo io_;  // what it has not carried out goes before the pool
  std::unique_ptr<PrefixTree> prefixes_;
  std::unique_ptr<SwapFile> swap_;
  std::unique_ptr<Pager> pager_;
};

TEST_F(PagerTest, ContextsOfFourTimesTheMemoryAllFinish) {
  open(256, 1024);
  run_all();
  EXPECT_GT(pager_->stats().swapped_out, 0u);
  EXPECT_GT(pager_->stats().swapped_in, 0u);
  EXPECT_EQ(pager_->stats().dropped, 0u);
  EXPECT_EQ(pager_->stats().io_errors, 0u);
  Owner last(*pager_, *pool_, 1);  // looks at what has finished
  EXPECT_EQ(pager_->admit(last.client, false), Pager::Admission::kAdmitted);
  EXPECT_EQ(pool_->free_frames(), 256u);
  EXPECT_EQ(pool_->count(PagePlace::kSwap), 0u);
}

TEST_F(PagerTest, WithoutASwapFilePagesAreComputedAgain) {
  open(256, 0);
  run_all();
  EXPECT_GT(pager_->stats().recomputed, 0u);
  EXPECT_EQ(pool_->free_frames(), 256u);
}

TEST_F(PagerTest, WhatTheDiskDoesNotGiveBackIsComputedAgain) {
  io_.fault_each = 3;
  open(256, 1024);
  run_all();
  EXPECT_GT(pager_->stats().io_errors, 0u);
  EXPECT_EQ(pager_->stats().recomputed, pager_->stats().dropped);
}

TEST_F(PagerTest, ADiskThatTakesNothingIsDoneWithout) {
  io_.fail_writes = true;
  open(256, 1024);
  run_all();
  EXPECT_EQ(pager_->stats().swapped_out, 0u);
  EXPECT_GT(pager_->stats().recomputed, 0u);
}

TEST_F(PagerTest, TheIdleGoFirstAndThoseThatComeBackSoonLast) {
  open(48, 64);
  Owner soon(*pager_, *pool_, 1), late(*pager_, *pool_, 2), running(*pager_, *pool_, 3);
  for (Owner* owner : {&soon, &late, &running}) {
    for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(*owner, false));
  }
  soon.client.expect_wait(Pager::kShortWait, 0);
  late.client.expect_wait(100 * kSecond, 0);
  pager_->leave(soon.client);
  pager_->leave(late.client);
  EXPECT_EQ(pager_->make_room(running.client, 4, false), Pager::Admission::kWait);
  io_.run();
  EXPECT_EQ(pager_->make_room(running.client, 4, false), Pager::Admission::kAdmitted);
  soon.check();
  running.check();
  EXPECT_EQ(pool_->place(late.table.page(0)), PagePlace::kSwap);
}

TEST_F(PagerTest, OfTwoThatWaitTheNicerOneGoes) {
  open(48, 64);
  Owner nice(*pager_, *pool_, 1), plain(*pager_, *pool_, 2), running(*pager_, *pool_, 3);
  for (Owner* owner : {&nice, &plain, &running}) {
    for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(*owner, false));
  }
  plain.client.expect_wait(100 * kSecond, 0);
  nice.client.expect_wait(100 * kSecond, 10);
  pager_->leave(plain.client);  // waits longer
  pager_->leave(nice.client);
  EXPECT_EQ(pager_->make_room(running.client, 4, false), Pager::Admission::kWait);
  io_.run();
  EXPECT_EQ(pager_->make_room(running.client, 4, false), Pager::Admission::kAdmitted);
  plain.check();
  EXPECT_EQ(pool_->place(nice.table.page(0)), PagePlace::kSwap);
}

TEST_F(PagerTest, WhoComesBackCallsItsPagesBack) {
  open(32, 64);
  Owner first(*pager_, *pool_, 1), second(*pager_, *pool_, 2);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(first, false) && turn(second, false));
  pager_->leave(first.client);
  EXPECT_EQ(pager_->make_room(second.client, 1, false), Pager::Admission::kWait);
  EXPECT_EQ(pager_->admit(first.client, false), Pager::Admission::kAdmitted) << "the writes had not ended";
  io_.run();
  first.check();
  EXPECT_EQ(pager_->make_room(second.client, 1, false), Pager::Admission::kStuck) << "both have their turn";
  first.check();
  EXPECT_EQ(pool_->count(PagePlace::kSwap), 0u);
}

TEST_F(PagerTest, SharedPagesOfARunningContextStay) {
  open(32, 64);
  Owner parent(*pager_, *pool_, 1), child(*pager_, *pool_, 1);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(parent, false));
  {
    const Pager::Client::Change change(child.client);
    child.table = parent.table;
  }
  ASSERT_TRUE(turn(child, false));
  pager_->leave(parent.client);
  for (int i = 0; i < 14; ++i) ASSERT_TRUE(turn(child, false));
  const FrameRef saved = *pool_->allocate();  // of nobody who could be put out
  EXPECT_EQ(pager_->make_room(child.client, 1, true), Pager::Admission::kStuck);
  child.check();
}

TEST_F(PagerTest, WhoIsIdleMayLosePagesThatGoOutWithAnother) {
  open(32, 64);
  Owner parent(*pager_, *pool_, 1), child(*pager_, *pool_, 1), other(*pager_, *pool_, 2);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(parent, false));
  {
    const Pager::Client::Change change(child.client);
    child.table = parent.table;
  }
  ASSERT_EQ(pager_->admit(child.client, false), Pager::Admission::kAdmitted);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(other, false));
  pager_->leave(parent.client);
  pager_->leave(child.client);
  EXPECT_EQ(pager_->make_room(other.client, 16, false), Pager::Admission::kWait);
  EXPECT_EQ(pager_->admit(child.client, false), Pager::Admission::kAdmitted) << "calls them back";
  io_.run();
  child.check();
  pager_->leave(child.client);
  EXPECT_EQ(pager_->make_room(other.client, 16, false), Pager::Admission::kWait);
  io_.run();
  EXPECT_EQ(pager_->make_room(other.client, 16, false), Pager::Admission::kAdmitted);
  EXPECT_EQ(pager_->admit(parent.client, false), Pager::Admission::kWait) << "for the disk";
  io_.run();
  EXPECT_EQ(pager_->admit(parent.client, false), Pager::Admission::kAdmitted);
  EXPECT_EQ(pager_->admit(child.client, false), Pager::Admission::kAdmitted);
  parent.check();
  child.check();
}

TEST_F(PagerTest, AColderTierLeavesRoomAndIsSharedByAll) {
  open(32, 64);
  Owner one(*pager_, *pool_, 1);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(one, false));
  const PageTable copy = one.table;
  const uint32_t free_before = pool_->free_frames();
  for (uint32_t page = 0; page < 8; ++page) EXPECT_TRUE(pager_->retier(one.table.page(page), KvTier::kInt4));
  EXPECT_FALSE(pager_->retier(one.table.page(0), KvTier::kInt8)) << "what is gone is gone";
  EXPECT_EQ(pager_->tier(one.table.page(0)), KvTier::kInt4);
  ASSERT_EQ(pager_->admit(one.client, false), Pager::Admission::kAdmitted);
  EXPECT_GT(pool_->free_frames(), free_before + 4);
  std::vector<KvSpan> spans;
  copy.view(spans);
  EXPECT_EQ(spans[7].tier, KvTier::kInt4);
  EXPECT_EQ(spans[8].tier, KvTier::kF16);
  EXPECT_EQ(pool_->count(PagePlace::kInt4), 8u);
}

TEST_F(PagerTest, ColdPagesGoToDiskAndBackAsTheyAre) {
  open(32, 64);
  Owner cold(*pager_, *pool_, 1), other(*pager_, *pool_, 2);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(cold, false));
  ASSERT_TRUE(pager_->retier(cold.table.page(3), KvTier::kInt8));
  const size_t bytes = kShape.frame_bytes(KvTier::kInt8);
  const std::vector<std::byte> before(pool_->data(cold.table.page(3)),
                                      pool_->data(cold.table.page(3)) + bytes);
  pager_->leave(cold.client);
  for (int i = 0; i < 40 && other.table.pages() < 32; ++i) {
    (void)turn(other, false);
    io_.run();
  }
  EXPECT_EQ(pool_->place(cold.table.page(3)), PagePlace::kSwap);
  EXPECT_EQ(pager_->tier(cold.table.page(3)), KvTier::kInt8);
  EXPECT_EQ(pager_->tier(cold.table.page(2)), KvTier::kF16);
  pager_->leave(other.client);
  for (int i = 0; i < 40 && pager_->admit(cold.client, false) != Pager::Admission::kAdmitted; ++i) io_.run();
  ASSERT_EQ(pool_->place(cold.table.page(3)), PagePlace::kInt8);
  EXPECT_EQ(0, std::memcmp(pool_->data(cold.table.page(3)), before.data(), bytes));
}

constexpr KvShape kDeepShape{8, 1, 16};

TEST_F(PagerTest, AContextLargerThanTheMemoryStreamsItsPages) {
  open(16, 64, kDeepShape);
  Owner large(*pager_, *pool_, 1);
  for (int i = 0; i < 400 && large.table.pages() < 64; ++i) {
    if (!turn(large, true)) io_.run();
  }
  ASSERT_EQ(large.table.pages(), 64u);
  EXPECT_TRUE(pager_->streams(large.client));
  EXPECT_GT(pager_->stats().streamed, 1000u);
  EXPECT_EQ(pager_->stats().swapped_in, 0u) << "what went out is read in passes alone";
  EXPECT_EQ(pager_->stats().dropped, 0u);
  EXPECT_EQ(pool_->count(PagePlace::kSwap) + pool_->count(PagePlace::kF16), 64u);
  {
    const Pager::Client::Change change(large.client);
    large.table.truncate(8 * PHI_PAGE_TOKENS);
  }
  for (int i = 0; i < 10 && pager_->streams(large.client); ++i) {
    (void)turn(large, true);
    io_.run();
  }
  EXPECT_EQ(pager_->admit(large.client, true), Pager::Admission::kAdmitted);
}

TEST_F(PagerTest, LargeAndSmallContextsFinishSideBySide) {
  open(24, 256, kDeepShape);
  std::vector<std::unique_ptr<Owner>> owners;
  for (uint32_t i = 0; i < 4; ++i) owners.push_back(std::make_unique<Owner>(*pager_, *pool_, i));
  const uint32_t wanted[] = {60, 10, 50, 12};
  size_t finished = 0;
  for (int pass = 0; finished < owners.size(); ++pass) {
    ASSERT_LT(pass, 20'000) << finished << " finished";
    bool anyone = false;
    for (const bool last_resort : {false, true}) {
      for (size_t i = 0; i < owners.size() && !anyone; ++i) {
        if (!owners[i] || !turn(*owners[i], last_resort)) continue;
        anyone = true;
        if (owners[i]->table.pages() < wanted[i]) continue;
        pager_->leave(owners[i]->client);
        owners[i].reset();
        ++finished;
      }
      if (anyone) break;
    }
    io_.run(5);
  }
  EXPECT_GT(pager_->stats().streamed, 0u);
  EXPECT_EQ(pager_->stats().dropped, 0u);
  io_.run();
  Owner last(*pager_, *pool_, 1);
  EXPECT_EQ(pager_->admit(last.client, false), Pager::Admission::kAdmitted);
  EXPECT_EQ(pool_->free_frames(), 24u);
}

TEST_F(PagerTest, PagesThatAStreamCannotReadAreComputedAgain) {
  open(16, 64, kDeepShape);
  io_.fault_each = 1501;
  Owner large(*pager_, *pool_, 1);
  for (int i = 0; i < 2000 && large.table.pages() < 48; ++i) {
    if (!turn(large, true)) io_.run();
  }
  EXPECT_EQ(large.table.pages(), 48u);
  EXPECT_GT(pager_->stats().io_errors, 1u);
  EXPECT_EQ(pager_->stats().recomputed, pager_->stats().dropped);
}

TEST_F(PagerTest, WithoutASwapFileALargeContextIsToldAtOnce) {
  open(16, 0, kDeepShape);
  Owner large(*pager_, *pool_, 1);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(turn(large, false));
  EXPECT_EQ(pager_->make_room(large.client, 1, false), Pager::Admission::kTooLarge);
}

TEST_F(PagerTest, WhereNoSlotIsFreeALargeContextIsStuck) {
  open(16, 8, kDeepShape);
  Owner large(*pager_, *pool_, 1);
  for (int i = 0; i < 100; ++i) {
    if (!turn(large, true)) io_.run();
  }
  EXPECT_LT(large.table.pages(), 24u);
  EXPECT_EQ(pager_->make_room(large.client, 1, true), Pager::Admission::kStuck);
  EXPECT_EQ(pager_->stats().dropped, 0u);
}

}  // namespace
}  // namespace phios
