#include "mm/frame_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace phios {
namespace {

constexpr KvShape kShape{.n_layers = 2, .n_kv_heads = 3, .head_dim = 5};  // no multiple of 64 bytes

std::unique_ptr<FramePool> make_pool(uint32_t frames) {
  auto pool = FramePool::create(kShape, frames);
  EXPECT_TRUE(pool.has_value());
  return std::move(*pool);
}

TEST(FramePool, RefusesWhatCannotBe) {
  EXPECT_EQ(FramePool::create({}, 4).error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(FramePool::create(kShape, 0).error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(FramePool::create({1u << 31, 1u << 15, 1u << 10}, 1u << 31).error().code, ErrorCode::ETOOBIG_);
}

TEST(FramePool, HandsOutEachFrameOnce) {
  const auto pool = make_pool(10);
  std::vector<FrameRef> frames;
  std::set<std::byte*> places;
  for (int i = 0; i < 10; ++i) {
    frames.push_back(pool->allocate().value());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(frames.back().data()) % FramePool::kAlignment, 0u);
    std::memset(frames.back().data(), i, kShape.frame_bytes());
    places.insert(frames.back().data());
  }
  EXPECT_EQ(places.size(), 10u);
  EXPECT_EQ(pool->free_frames(), 0u);
  const auto refused = pool->allocate();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::ELIMIT_);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(frames[i].data()[kShape.frame_bytes() - 1], static_cast<std::byte>(i));
  }
  frames.erase(frames.begin() + 3);
  EXPECT_EQ(pool->free_frames(), 1u);
  EXPECT_TRUE(pool->allocate().has_value());
}

TEST(FramePool, LastReferenceGivesBack) {
  const auto pool = make_pool(1);
  FrameRef first = pool->allocate().value();
  EXPECT_TRUE(first.unique());
  FrameRef second = first;
  EXPECT_FALSE(first.unique());
  FrameRef third = std::move(second);
  EXPECT_FALSE(static_cast<bool>(second));  // NOLINT: a reference that was moved is empty
  first = FrameRef();
  EXPECT_TRUE(third.unique());
  EXPECT_EQ(pool->free_frames(), 0u);
  third = third;  // NOLINT
  EXPECT_EQ(pool->free_frames(), 0u);
  third = FrameRef();
  EXPECT_EQ(pool->free_frames(), 1u);
}

// Each thread fills the frames that it holds with its own number: a frame handed out twice shows.
TEST(FramePool, ThreadsNeverShareAFrameUnasked) {
  constexpr uint32_t kFrames = 24;
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  const auto pool = make_pool(kFrames);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      std::mt19937 random(static_cast<uint32_t>(me));
      std::vector<FrameRef> held;
      for (int round = 0; round < kRounds; ++round) {
        if (random() % 2 == 0) {
          if (auto frame = pool->allocate()) {
            std::memset(frame->data(), me, kShape.frame_bytes());
            held.push_back(std::move(*frame));
          }
        } else if (!held.empty()) {
          const size_t i = random() % held.size();
          if (held[i].data()[random() % kShape.frame_bytes()] != static_cast<std::byte>(me)) ++wrong;
          held.erase(held.begin() + static_cast<ptrdiff_t>(i));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(pool->free_frames(), kFrames);
}

}  // namespace
}  // namespace phios
