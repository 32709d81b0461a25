// The kernels that bound what a page may score, by the ranges of its channels (Quest, arXiv 2406.10774). As
// attention_impl.h, over whatever Vec the including file has chosen.
#pragma once

#include <cstdint>

#include "drivers/model/native/attention_kernels.h"
#include "mm/codec.h"

namespace phios {
namespace {

constexpr size_t kLine = 64;  // bytes of a cache line

// The bounds of four pages, each the largest of its four queries': Σ over the channels of the larger of q ×
// scale × zero and q × scale × (zero + kRangeSteps), which is q × (scale × zero) + rise × scale, rise =
// max(q, 0) × kRangeSteps. Lanes 4 i … of the result are page i's.
inline Vec bound_tile(const std::byte* const (&ranges)[4], const float* const (&q)[4],
                      const float* const (&rise)[4], size_t dim) {
  Vec acc[16];
  for (Vec& a : acc) a = vec_zero();
  for (size_t c = 0; c < dim; c += kLanes)
    for (size_t p = 0; p < 4; ++p) {
      const Vec scale = vec_load_scale(ranges[p] + c);
      const Vec least = vec_mul(scale, vec_load_i8(ranges[p] + dim + c));
      for (size_t m = 0; m < 4; ++m) {
        Vec& sum = acc[4 * p + m];
        sum = vec_fma(least, vec_load(q[p] + m * dim + c), sum);
        sum = vec_fma(scale, vec_load(rise[p] + m * dim + c), sum);
      }
    }
  Vec sums = vec_sums(acc);
  sums = vec_larger(sums, vec_swap<1>(sums));
  return vec_larger(sums, vec_swap<2>(sums));
}

// Four queries of a head, plain and rotated, each with its rise; of fewer the last again.
inline void load_bound_queries(const AttentionQueries& queries, size_t head, size_t first, size_t dim,
                               float* to) {
  const float* from[] = {queries.q, queries.rotated};
  for (size_t k = 0; k < 2; ++k)
    for (size_t m = 0; m < 4; ++m) {
      const size_t query = head * queries.n + (first + m < queries.n ? first + m : queries.n - 1);
      float* q = to + (k * 8 + m) * dim;
      for (size_t c = 0; c < dim; c += kLanes) {
        const Vec x = vec_load(from[k] + query * dim + c);
        vec_store(q + c, x);
        vec_store(q + 4 * dim + c, vec_mul(vec_larger(x, vec_zero()), vec_set(kRangeSteps)));
      }
    }
}

// Where the key ranges of several heads lie: in a frame, or those of a page on disk by themselves.
struct HeadRanges {
  size_t first[kKvTiers], step[kKvTiers];  // bytes, from the frame on and from head to head
  size_t apart_first, apart_step;          // the same of ranges by themselves

  explicit HeadRanges(const AttentionBlock& block)
      : apart_first(block.shape.range_offset(block.layer, block.kv_head)),
        apart_step(block.shape.range_bytes()) {
    for (size_t i = 0; i < kKvTiers; ++i) {
      const auto tier = static_cast<KvTier>(i);
      first[i] = block.shape.key_range_offset(tier, block.layer, block.kv_head);
      step[i] = block.shape.key_range_offset(tier, block.layer, block.kv_head + 1) - first[i];
    }
  }
  const std::byte* of(const KvSpan& span, size_t head) const {
    if (span.ranges != nullptr) return span.ranges + apart_first + head * apart_step;
    const auto tier = static_cast<size_t>(span.tier);
    return span.frame + first[tier] + head * step[tier];
  }
};

// The bounds of four pages for one head, as bound_tile() has them; `loaded` are the head's queries.
inline Vec bound_pages(const AttentionBlock& block, const HeadRanges& at, size_t head,
                       const size_t (&pages)[4], const float* loaded, size_t groups) {
  const size_t dim = block.shape.head_dim;
  const std::byte* ranges[4];
  for (size_t p = 0; p < 4; ++p) ranges[p] = at.of(block.pages[pages[p]], head);
  Vec most = vec_set(-INFINITY);
  for (size_t group = 0; group < groups; ++group, loaded += 16 * dim) {
    const float *q[4], *rise[4];
    for (size_t p = 0; p < 4; ++p) {
      q[p] = loaded + (block.shape.rotates(block.pages[pages[p]].tier) ? 8 * dim : 0);
      rise[p] = q[p] + 4 * dim;
    }
    most = vec_larger(most, bound_tile(ranges, q, rise, dim));
  }
  return most;
}

// All heads of a page at once: their ranges lie side by side.
void bound(const AttentionQueries& queries, const AttentionBlock& block, uint32_t n_heads, float* scratch,
           float* bounds) {
  constexpr size_t kAhead = 12;  // pages
  const size_t dim = block.shape.head_dim, n = block.pages.size(), groups = (queries.n + 3) / 4;
  const HeadRanges at(block);
  for (size_t head = 0; head < n_heads; ++head)
    for (size_t group = 0; group < groups; ++group)
      load_bound_queries(queries, head, 4 * group, dim, scratch + (head * groups + group) * 16 * dim);
  for (size_t page = 0; page < n; page += 4) {
    size_t pages[4];
    for (size_t p = 0; p < 4; ++p) {
      pages[p] = page + p < n ? page + p : n - 1;
      for (size_t head = 0; page + p + kAhead < n && head < n_heads; ++head)
        for (size_t line = 0; line < 2 * dim; line += kLine)
          __builtin_prefetch(at.of(block.pages[page + p + kAhead], head) + line);
    }
    for (size_t head = 0; head < n_heads; ++head) {
      float most[kLanes];
      vec_store(most, bound_pages(block, at, head, pages, scratch + head * groups * 16 * dim, groups));
      for (size_t p = 0; p < 4 && page + p < n; ++p) bounds[head * n + page + p] = most[4 * p];
    }
  }
}

// By bisection over its bits: counting is free of branches, four times as fast as a partition of two
// thousand.
int32_t find_bar(const int32_t* ranks, size_t n_ranks, uint32_t n) {
  const auto reach = [&](int32_t bar) {
    uint32_t count = 0;
    for (size_t i = 0; i < n_ranks; ++i) count += ranks[i] >= bar ? 1 : 0;
    return count;
  };
  int32_t bar = reach(0) >= n ? 0 : INT32_MIN;
  for (int bit = 30; bit >= 0; --bit) {
    const int32_t higher = bar | (1 << bit);
    const uint32_t count = reach(higher);
    if (count >= n) bar = higher;
    if (count == n) break;
  }
  return bar;
}

void key_ranges(const uint16_t* keys, uint32_t head_dim, std::byte* out) {
  float least[kLanes], most[kLanes];
  for (uint32_t c = 0; c < head_dim; c += kLanes) {
    for (uint32_t i = 0; i < kLanes; ++i) {
      const Vec key = vec_load_f16(keys + (c + i) * kLanes);
      most[i] = vec_max(key);
      least[i] = -vec_max(vec_mul(key, vec_set(-1.0f)));
    }
    for (uint32_t i = 0; i < kLanes; ++i) {
      const KvRange range = key_range(least[i], most[i]);
      out[c + i] = static_cast<std::byte>(range.scale);
      out[head_dim + c + i] = static_cast<std::byte>(range.zero);
    }
  }
}

}  // namespace
}  // namespace phios
