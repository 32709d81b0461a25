#include "mm/page_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace phios {
namespace {

constexpr KvShape kShape{.n_layers = 2, .n_kv_heads = 2, .head_dim = 3};

std::unique_ptr<FramePool> make_pool(uint32_t frames) { return FramePool::create(kShape, frames).value(); }

// f(cell, k) for every element, key or value, of every layer and head of a slot; k counts them.
template <class F>
void each_cell(std::byte* frame, uint32_t slot, F f) {
  uint16_t k = 0;
  for (uint32_t layer = 0; layer < kShape.n_layers; ++layer)
    for (uint32_t head = 0; head < kShape.n_kv_heads; ++head) {
      auto* keys = reinterpret_cast<uint16_t*>(frame + kShape.key_offset(KvTier::kF16, layer, head));
      auto* values = reinterpret_cast<uint16_t*>(frame + kShape.value_offset(KvTier::kF16, layer, head));
      for (uint32_t d = 0; d < kShape.head_dim; ++d) {
        f(keys[d * PHI_PAGE_TOKENS + slot], k++);
        f(values[slot * kShape.head_dim + d], k++);
      }
    }
}

// What a forward pass does: a value for each position from `first` on, in every layer and head.
void write_positions(const PageTable& table, uint32_t first, const std::vector<uint16_t>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t pos = first + static_cast<uint32_t>(i);
    each_cell(table.frame(pos / PHI_PAGE_TOKENS).data(), pos % PHI_PAGE_TOKENS,
              [&](uint16_t& cell, uint16_t k) { cell = static_cast<uint16_t>(values[i] + k); });
  }
}

// The values back, by way of view(); every layer and head must agree.
std::vector<uint16_t> read_positions(const PageTable& table) {
  std::vector<KvSpan> spans;
  table.view(spans);
  EXPECT_EQ(spans.size(), table.pages());
  std::vector<uint16_t> values;
  for (const KvSpan& span : spans) {
    EXPECT_EQ(span.first_pos, values.size());
    for (uint32_t slot = 0; slot < span.n; ++slot)
      each_cell(span.frame, slot, [&](uint16_t& cell, uint16_t k) {
        if (k == 0) values.push_back(cell);
        EXPECT_EQ(cell, static_cast<uint16_t>(values.back() + k));
      });
  }
  return values;
}

TEST(PageTable, CountsFramesTaken) {
  const auto pool = make_pool(100);
  PageTable table(*pool);
  EXPECT_EQ(table.append(0).value(), 0u);
  EXPECT_EQ(table.append(1).value(), 1u);
  EXPECT_EQ(table.append(15).value(), 0u);
  EXPECT_EQ(table.append(17).value(), 2u);
  EXPECT_EQ(table.positions(), 33u);
  EXPECT_EQ(table.pages(), 3u);
  table.truncate(16);
  EXPECT_EQ(table.pages(), 1u);
  table.truncate(99);
  EXPECT_EQ(table.positions(), 16u);
  EXPECT_EQ(pool->free_frames(), 99u);
}

TEST(PageTable, ForkSharesUntilTheTailIsWritten) {
  const auto pool = make_pool(100);
  PageTable parent(*pool);
  ASSERT_TRUE(parent.append(40).has_value());
  PageTable child = parent;
  EXPECT_EQ(pool->free_frames(), 97u);
  EXPECT_EQ(child.append(1).value(), 1u);   // its own copy of the tail
  EXPECT_EQ(parent.append(1).value(), 0u);  // now alone with the first one
  EXPECT_NE(parent.frame(2).data(), child.frame(2).data());
  EXPECT_EQ(parent.frame(1).data(), child.frame(1).data());
  EXPECT_EQ(pool->free_frames(), 96u);
}

TEST(PageTable, OnWholePagesAForkCopiesNone) {
  const auto pool = make_pool(100);
  PageTable parent(*pool);
  ASSERT_TRUE(parent.append(32).has_value());
  PageTable child = parent;
  EXPECT_EQ(child.append(1).value(), 1u);
  EXPECT_EQ(pool->free_frames(), 97u);
}

TEST(PageTable, OutOfFramesChangesNothing) {
  const auto pool = make_pool(4);
  PageTable parent(*pool);
  ASSERT_TRUE(parent.append(40).has_value());
  std::vector<uint16_t> values(40);
  for (uint16_t i = 0; i < 40; ++i) values[i] = i;
  write_positions(parent, 0, values);
  PageTable child = parent;
  const auto refused = child.append(16);  // a page and a copy of the tail, one frame is free
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(pool->free_frames(), 1u);
  EXPECT_EQ(child.positions(), 40u);
  EXPECT_EQ(read_positions(child), values);
  EXPECT_EQ(parent.append(60).error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(read_positions(parent), values);
  EXPECT_TRUE(child.append(8).has_value());
}

TEST(PageTable, RefusesMoreThanAContextHolds) {
  const auto pool = make_pool(4);
  PageTable table(*pool);
  ASSERT_TRUE(table.append(3).has_value());
  EXPECT_EQ(table.append(PHI_CONTEXT_MAX - 2).error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(table.append(UINT32_MAX).error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(table.positions(), 3u);
}

TEST(PageTable, StartsFromAPrefix) {
  const auto pool = make_pool(20);
  PageTable first(*pool);
  ASSERT_TRUE(first.append(36).has_value());
  std::vector<uint16_t> values(36, 7);
  write_positions(first, 0, values);
  PageTable second(*pool);
  second.append_shared(first.frame(0), PHI_PAGE_TOKENS);
  second.append_shared(first.frame(1), PHI_PAGE_TOKENS);
  second.append_shared(first.frame(2), 2);
  EXPECT_EQ(second.positions(), 34u);
  EXPECT_EQ(read_positions(second), std::vector<uint16_t>(34, 7));
  EXPECT_EQ(second.append(1).value(), 1u);
  EXPECT_EQ(pool->free_frames(), 16u);
}

TEST(PageTable, AMovedFromTableIsEmpty) {
  const auto pool = make_pool(20);
  PageTable first(*pool);
  ASSERT_TRUE(first.append(36).has_value());
  PageTable second = std::move(first);
  EXPECT_EQ(first.positions(), 0u);  // NOLINT
  EXPECT_TRUE(first.append(1).has_value());
  EXPECT_EQ(second.positions(), 36u);
}

TEST(PageTable, GrowsToTheLongestContextAndBack) {
  constexpr uint32_t kPages = PHI_CONTEXT_MAX / PHI_PAGE_TOKENS;
  const auto pool = FramePool::create({1, 1, 1}, kPages).value();
  PageTable table(*pool);
  ASSERT_EQ(table.append(PHI_CONTEXT_MAX).value(), kPages);
  std::vector<KvSpan> spans;
  table.view(spans);
  ASSERT_EQ(spans.size(), kPages);
  for (uint32_t page = 0; page < kPages; page += 997) EXPECT_EQ(spans[page].frame, table.frame(page).data());
  PageTable fork = table;
  fork.truncate(100);
  table.truncate(16 * 64 * 64 + 5);
  EXPECT_EQ(kPages - pool->free_frames(), 64u * 64 + 1);
  table = PageTable(*pool);
  EXPECT_EQ(kPages - pool->free_frames(), 7u);
  EXPECT_EQ(fork.frame(6).data(), spans[6].frame);
}

// Random operations on a family of forks, against plain vectors.
class PageTableRandom : public testing::TestWithParam<uint32_t> {};

TEST_P(PageTableRandom, BehavesAsVectors) {
  constexpr uint32_t kFrames = 700;
  constexpr int kSteps = 1500;
  const auto pool = make_pool(kFrames);
  std::mt19937 random(GetParam());
  struct Pair {
    PageTable table;
    std::vector<uint16_t> model;
  };
  std::vector<Pair> all;
  all.push_back({PageTable(*pool), {}});
  uint16_t next = 1;
  for (int step = 0; step < kSteps; ++step) {
    Pair& one = all[random() % all.size()];
    switch (random() % 8) {
      case 0:
        if (all.size() < 12) all.push_back(Pair(one));
        break;
      case 1:
        if (all.size() > 1) {
          std::swap(one, all.back());
          all.pop_back();
        }
        break;
      case 2: {
        const auto keep = static_cast<uint32_t>(random() % (one.model.size() + 3));
        one.table.truncate(keep);
        if (keep < one.model.size()) one.model.resize(keep);
        break;
      }
      case 3:
        if (one.model.size() % PHI_PAGE_TOKENS == 0) {
          const Pair& other = all[random() % all.size()];
          if (other.model.size() < PHI_PAGE_TOKENS) break;
          const FrameRef frame = other.table.frame(0);
          one.table.append_shared(frame, PHI_PAGE_TOKENS);
          const std::vector<uint16_t> page(other.model.begin(), other.model.begin() + PHI_PAGE_TOKENS);
          one.model.insert(one.model.end(), page.begin(), page.end());
        }
        break;
      default: {
        const uint32_t n = random() % 4 == 0 ? random() % 1500 : random() % 20;
        const uint32_t before = pool->free_frames();
        const auto taken = one.table.append(n);
        EXPECT_EQ(before - pool->free_frames(), taken ? *taken : 0);
        if (!taken) break;
        std::vector<uint16_t> values(n);
        for (auto& value : values) value = next++;
        write_positions(one.table, static_cast<uint32_t>(one.model.size()), values);
        one.model.insert(one.model.end(), values.begin(), values.end());
      }
    }
    if (step % 10 == 0) {
      for (const Pair& pair : all) {
        ASSERT_EQ(pair.table.positions(), pair.model.size());
        ASSERT_EQ(read_positions(pair.table), pair.model) << "step " << step;
      }
    }
  }
  all.clear();
  EXPECT_EQ(pool->free_frames(), kFrames);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PageTableRandom, testing::Range(1u, 7u));

TEST(PageTable, ForksLiveOnOtherThreads) {
  const auto pool = make_pool(4000);
  PageTable root(*pool);
  ASSERT_TRUE(root.append(1100).has_value());
  const std::vector<uint16_t> start(1100, 5);
  write_positions(root, 0, start);
  std::vector<std::thread> threads;
  for (uint32_t me = 0; me < 4; ++me) {
    threads.emplace_back([mine = root, me, &start]() mutable {
      std::mt19937 random(me);
      for (int round = 0; round < 100; ++round) {
        PageTable fork = mine;
        const uint32_t keep = 1000 + random() % 100;
        fork.truncate(keep);
        std::vector<uint16_t> model(start.begin(), start.begin() + keep);
        const std::vector<uint16_t> values(random() % 60 + 1, static_cast<uint16_t>(me + 10));
        ASSERT_TRUE(fork.append(static_cast<uint32_t>(values.size())).has_value());
        write_positions(fork, keep, values);
        model.insert(model.end(), values.begin(), values.end());
        ASSERT_EQ(read_positions(fork), model);
      }
    });
  }
  root = PageTable(*pool);
  for (auto& thread : threads) thread.join();
  threads.clear();
  EXPECT_EQ(pool->free_frames(), 4000u);
}

}  // namespace
}  // namespace phios
