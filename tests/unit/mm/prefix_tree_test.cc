#include "mm/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace phios {
namespace {

using Tokens = std::vector<int32_t>;
constexpr KvShape kShape{.n_layers = 1, .n_kv_heads = 1, .head_dim = 1};

std::unique_ptr<FramePool> make_pool(uint32_t frames) { return FramePool::create(kShape, frames).value(); }

// Tokens of whole pages, each page filled with one number.
Tokens pages_of(std::initializer_list<int32_t> pages) {
  Tokens tokens;
  for (const int32_t page : pages) tokens.insert(tokens.end(), PHI_PAGE_TOKENS, page);
  return tokens;
}

std::vector<FrameRef> allocate(FramePool& pool, size_t n) {
  std::vector<FrameRef> frames;
  for (size_t i = 0; i < n; ++i) frames.push_back(pool.allocate().value());
  return frames;
}

std::vector<uint32_t> indices(const std::vector<FrameRef>& frames) {
  std::vector<uint32_t> all;
  for (const FrameRef& frame : frames) all.push_back(frame.index());
  return all;
}

TEST(PrefixTree, FindsTheLongestPrefixOfWholePages) {
  const auto pool = make_pool(20);
  PrefixTree tree(*pool);
  const auto frames = allocate(*pool, 4);
  tree.insert(1, pages_of({1, 2, 3, 4}), frames);
  EXPECT_EQ(tree.cached_frames(), 4u);
  EXPECT_EQ(indices(tree.match(1, pages_of({1, 2, 3, 4, 5}))), indices(frames));
  EXPECT_EQ(tree.match(1, pages_of({1, 2, 9})).size(), 2u);
  EXPECT_EQ(tree.match(1, pages_of({9})).size(), 0u);
  EXPECT_EQ(tree.match(2, pages_of({1, 2})).size(), 0u);
  Tokens tokens = pages_of({1, 2});
  tokens.pop_back();
  EXPECT_EQ(tree.match(1, tokens).size(), 1u);
  EXPECT_TRUE(tree.match(1, {}).empty());
}

TEST(PrefixTree, KnownPagesKeepTheirFrame) {
  const auto pool = make_pool(20);
  PrefixTree tree(*pool);
  const auto first = allocate(*pool, 2);
  tree.insert(1, pages_of({1, 2}), first);
  const auto second = allocate(*pool, 3);
  tree.insert(1, pages_of({1, 2, 3}), second);
  EXPECT_EQ(indices(tree.match(1, pages_of({1, 2, 3}))),
            (std::vector<uint32_t>{first[0].index(), first[1].index(), second[2].index()}));
  EXPECT_EQ(tree.cached_frames(), 3u);
}

TEST(PrefixTree, InsertTakesNoMoreThanTokensAndFramesHave) {
  const auto pool = make_pool(20);
  PrefixTree tree(*pool);
  const auto frames = allocate(*pool, 3);
  tree.insert(1, pages_of({1, 2}), frames);
  EXPECT_EQ(tree.cached_frames(), 2u);
  tree.insert(1, pages_of({1, 2, 3, 4}), frames);
  EXPECT_EQ(tree.cached_frames(), 3u);
  tree.insert(1, {}, frames);
  tree.insert(1, pages_of({7}), {});
  EXPECT_EQ(tree.cached_frames(), 3u);
}

TEST(PrefixTree, EvictsLeastRecentlyUsedFirst) {
  const auto pool = make_pool(20);
  PrefixTree tree(*pool);
  tree.insert(1, pages_of({1, 2, 3}), allocate(*pool, 3));
  tree.insert(1, pages_of({1, 4}), allocate(*pool, 2));
  tree.insert(1, pages_of({1, 5}), allocate(*pool, 2));
  EXPECT_EQ(tree.cached_frames(), 5u);
  EXPECT_EQ(pool->free_frames(), 15u);
  tree.match(1, pages_of({1, 2, 3}));
  EXPECT_EQ(tree.evict(1), 1u);
  EXPECT_EQ(tree.match(1, pages_of({1, 4})).size(), 1u);
  EXPECT_EQ(tree.evict(2), 2u);
  EXPECT_EQ(tree.match(1, pages_of({1, 5})).size(), 1u);
  EXPECT_EQ(tree.match(1, pages_of({1, 2, 3})).size(), 2u);
  EXPECT_EQ(tree.evict(100), 2u);
  EXPECT_EQ(tree.cached_frames(), 0u);
  EXPECT_EQ(pool->free_frames(), 20u);
}

TEST(PrefixTree, WhatAContextUsesStays) {
  const auto pool = make_pool(20);
  PrefixTree tree(*pool);
  tree.insert(1, pages_of({1, 2, 3}), allocate(*pool, 3));
  const auto used = tree.match(1, pages_of({1, 2}));
  EXPECT_EQ(tree.evict(100), 1u);
  EXPECT_EQ(tree.match(1, pages_of({1, 2, 3})).size(), 2u);
}

TEST(PrefixTree, ALongPathOfManyBranches) {
  constexpr uint32_t kPages = 2'000;
  const auto pool = make_pool(2 * kPages);
  {
    PrefixTree tree(*pool);
    const auto frames = allocate(*pool, kPages);
    Tokens tokens;
    for (uint32_t page = 0; page < kPages; ++page) {
      tokens.insert(tokens.end(), PHI_PAGE_TOKENS, static_cast<int32_t>(page));
    }
    tree.insert(1, tokens, frames);
    // A branch after every second page cuts the run into many nodes.
    for (size_t page = 2; page < kPages; page += 2) {
      Tokens branch(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(page * PHI_PAGE_TOKENS));
      branch.insert(branch.end(), PHI_PAGE_TOKENS, -1);
      std::vector<FrameRef> path(frames.begin(), frames.begin() + static_cast<ptrdiff_t>(page));
      path.push_back(pool->allocate().value());
      tree.insert(1, branch, path);
    }
    EXPECT_EQ(tree.cached_frames(), kPages + kPages / 2 - 1);
  }
  EXPECT_EQ(pool->free_frames(), 2 * kPages);
}

class PrefixTreeRandom : public testing::TestWithParam<uint32_t> {};

TEST_P(PrefixTreeRandom, AgreesWithAMapOfPrefixes) {
  const auto pool = make_pool(5000);
  PrefixTree tree(*pool);
  std::mt19937 random(GetParam());
  std::map<std::pair<uint64_t, Tokens>, uint32_t> known;  // every prefix of whole pages → its last frame
  for (int step = 0; step < 1000; ++step) {
    const uint64_t model = random() % 2;
    Tokens tokens;
    const size_t pages = random() % 7;
    for (size_t page = 0; page < pages; ++page) {
      tokens.insert(tokens.end(), PHI_PAGE_TOKENS, static_cast<int32_t>(random() % 3));
    }
    if (random() % 2 == 0) {
      const auto frames = allocate(*pool, pages);
      tree.insert(model, tokens, frames);
      for (size_t page = 1; page <= pages; ++page) {
        known.try_emplace(
            {model, Tokens(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(page * PHI_PAGE_TOKENS))},
            frames[page - 1].index());
      }
    } else {
      const auto found = tree.match(model, tokens);
      std::vector<uint32_t> wanted;
      for (size_t page = 1; page <= pages; ++page) {
        const auto at = known.find(
            {model, Tokens(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(page * PHI_PAGE_TOKENS))});
        if (at == known.end()) break;
        wanted.push_back(at->second);
      }
      ASSERT_EQ(indices(found), wanted);
    }
    ASSERT_EQ(tree.cached_frames(), known.size());
    ASSERT_EQ(pool->capacity() - pool->free_frames(), known.size());
    if (step % 100 == 99) {
      const auto n = static_cast<uint32_t>(random() % (known.size() + 1));
      ASSERT_EQ(tree.evict(n), n);
      // Which ones went is the order's affair: those that no longer match are taken out.
      std::erase_if(known, [&](const auto& entry) {
        return tree.match(entry.first.first, entry.first.second).size() * PHI_PAGE_TOKENS <
               entry.first.second.size();
      });
      ASSERT_EQ(tree.cached_frames(), known.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PrefixTreeRandom, testing::Range(1u, 6u));

TEST(PrefixTree, ServesManyThreads) {
  const auto pool = make_pool(300);
  PrefixTree tree(*pool);
  std::vector<std::thread> threads;
  for (uint32_t me = 0; me < 4; ++me) {
    threads.emplace_back([&, me] {
      std::mt19937 random(me);
      for (int round = 0; round < 2000; ++round) {
        const Tokens tokens =
            pages_of({static_cast<int32_t>(random() % 4), static_cast<int32_t>(random() % 4),
                      static_cast<int32_t>(random() % 4)});
        auto frames = tree.match(1, tokens);
        while (frames.size() < 3) {
          auto frame = pool->allocate();
          if (!frame) {
            tree.evict(8);
            continue;
          }
          frames.push_back(std::move(*frame));
        }
        tree.insert(1, tokens, frames);
        if (random() % 16 == 0) tree.evict(random() % 20);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool->capacity() - pool->free_frames(), tree.cached_frames());
  tree.evict(300);
  EXPECT_EQ(pool->free_frames(), 300u);
}

}  // namespace
}  // namespace phios
