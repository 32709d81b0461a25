// The attention kernels, over whatever Vec the including file has chosen (simd_*.h). Everything here has
// internal linkage: each of the three files that include it compiles it for its own instruction set.
#pragma once

#include <cmath>

#include "drivers/model/native/attention_kernels.h"

namespace phios {
namespace {

// The scores of a page's 16 keys, [channel][position], for one query, unscaled.
inline Vec page_scores(const uint16_t* keys, const float* q, size_t head_dim) {
  Vec acc = vec_zero();
  for (size_t c = 0; c < head_dim; ++c) acc = vec_fma(vec_set(q[c]), vec_load_f16(keys + c * kLanes), acc);
  return acc;
}
static_assert(PHI_PAGE_TOKENS == kLanes, "a page's scores are one vector");

// out += Σ weights[j] × values[j], D vectors wide; even and odd j are summed up apart, to halve the chain.
template <int D>
inline void add_values(const uint16_t* values, size_t stride, const float* weights, unsigned n, float* out) {
  Vec even[D], odd[D];
  for (int d = 0; d < D; ++d) even[d] = vec_load(out + d * kLanes), odd[d] = vec_zero();
  unsigned j = 0;
  for (; j + 2 <= n; j += 2) {
    const Vec first = vec_set(weights[j]), second = vec_set(weights[j + 1]);
    for (int d = 0; d < D; ++d) {
      even[d] = vec_fma(first, vec_load_f16(values + j * stride + d * kLanes), even[d]);
      odd[d] = vec_fma(second, vec_load_f16(values + (j + 1) * stride + d * kLanes), odd[d]);
    }
  }
  if (j < n)
    for (int d = 0; d < D; ++d)
      even[d] = vec_fma(vec_set(weights[j]), vec_load_f16(values + j * stride + d * kLanes), even[d]);
  for (int d = 0; d < D; ++d) vec_store(out + d * kLanes, vec_add(even[d], odd[d]));
}

// The pages are a row's own affair, taken in blocks of kAttentionPages from its first one: the order of every
// sum depends on where the pages stand, not on how the row got here.
struct AttentionBlock {
  const KvSpan* spans;
  size_t pages;
  unsigned last_n;  // positions that the row sees of the last page; of the others, span.n

  unsigned seen(size_t page) const { return page + 1 == pages ? last_n : spans[page].n; }
  const uint16_t* frame(size_t page) const { return reinterpret_cast<const uint16_t*>(spans[page].frame); }
};

inline void prefetch_block(const uint16_t* block, size_t elements) {
  constexpr size_t kLine = 64 / sizeof(uint16_t);
  for (size_t i = 0; i < elements; i += kLine) __builtin_prefetch(block + i);
}

// scores[head][position]: scaled; -inf where there is nothing to see. The values are fetched for what comes
// next.
void block_scores(const AttentionRow& row, const AttentionBlock& block, float* scores) {
  const size_t size = PHI_PAGE_TOKENS * row.head_dim;  // elements of one head's keys
  const Vec scale = vec_set(row.scale);
  for (size_t page = 0; page < block.pages; ++page) {
    const uint16_t* frame = block.frame(page);
    for (size_t head = 0; head < row.n_kv_heads; ++head) {
      // The next page lies elsewhere in memory, where no hardware prefetcher looks.
      if (page + 1 < block.pages) prefetch_block(block.frame(page + 1) + row.k_offset + head * size, size);
      prefetch_block(frame + row.v_offset + head * size, size);
      for (size_t h = head * row.group, end = h + row.group; h < end; ++h) {
        const Vec s = page_scores(frame + row.k_offset + head * size, row.q + h * row.head_dim, row.head_dim);
        vec_store(scores + h * kAttentionPositions + page * PHI_PAGE_TOKENS,
                  vec_keep(vec_mul(s, scale), block.seen(page), -INFINITY));
      }
    }
  }
}

// Scores of one head become weights; what was summed up before is scaled to the new largest score.
void block_softmax(size_t pages, size_t head_dim, float* scores, float& peak, float& sum, float* out) {
  Vec largest = vec_load(scores);
  for (size_t page = 1; page < pages; ++page) largest = vec_larger(largest, vec_load(scores + page * kLanes));
  const float block_peak = vec_max(largest);
  if (block_peak > peak) {
    if (sum > 0) {
      float keep[kLanes];
      vec_store(keep, vec_exp(vec_set(peak - block_peak)));
      sum *= keep[0];
      for (size_t d = 0; d < head_dim; ++d) out[d] *= keep[0];
    }
    peak = block_peak;
  }
  const Vec shift = vec_set(-peak);
  Vec sums = vec_zero();
  for (size_t page = 0; page < pages; ++page) {
    const Vec w = vec_exp(vec_add(vec_load(scores + page * kLanes), shift));
    vec_store(scores + page * kLanes, w);
    sums = vec_add(sums, w);
  }
  sum += vec_sum(sums);
}

void block_values(const AttentionRow& row, const AttentionBlock& block, const float* weights) {
  const size_t size = PHI_PAGE_TOKENS * row.head_dim;
  for (size_t page = 0; page < block.pages; ++page)
    for (size_t h = 0; h < row.n_kv_heads * row.group; ++h) {
      const uint16_t* values = block.frame(page) + row.v_offset + h / row.group * size;
      const float* w = weights + h * kAttentionPositions + page * PHI_PAGE_TOKENS;
      const unsigned n = block.seen(page);
      float* out = row.out + h * row.head_dim;
      size_t d = 0;
      for (; d + 4 * kLanes <= row.head_dim; d += 4 * kLanes)
        add_values<4>(values + d, row.head_dim, w, n, out + d);
      for (; d + 2 * kLanes <= row.head_dim; d += 2 * kLanes)
        add_values<2>(values + d, row.head_dim, w, n, out + d);
      for (; d < row.head_dim; d += kLanes) add_values<1>(values + d, row.head_dim, w, n, out + d);
    }
}

void attend(const AttentionRow& row) {
  const size_t n_heads = row.n_kv_heads * row.group;
  float* scores = row.scratch;
  float* peaks = scores + n_heads * kAttentionPositions;
  float* sums = peaks + n_heads;
  for (size_t h = 0; h < n_heads; ++h) peaks[h] = -INFINITY, sums[h] = 0;
  for (size_t i = 0; i < n_heads * row.head_dim; ++i) row.out[i] = 0;
  size_t pages = row.kv.size();
  while (pages > 0 && row.kv[pages - 1].first_pos > row.last_pos) --pages;
  for (size_t first = 0; first < pages; first += kAttentionPages) {
    const size_t n = pages - first < kAttentionPages ? pages - first : kAttentionPages;
    const KvSpan& last = row.kv[first + n - 1];
    const uint32_t seen = row.last_pos - last.first_pos + 1;
    const AttentionBlock block{row.kv.data() + first, n, seen < last.n ? seen : last.n};
    block_scores(row, block, scores);
    for (size_t h = 0; h < n_heads; ++h)
      block_softmax(n, row.head_dim, scores + h * kAttentionPositions, peaks[h], sums[h],
                    row.out + h * row.head_dim);
    block_values(row, block, scores);
  }
  for (size_t h = 0; h < n_heads; ++h) {
    const float norm = 1.0f / sums[h];  // at least 1: the largest score's own weight
    for (size_t d = 0; d < row.head_dim; ++d) row.out[h * row.head_dim + d] *= norm;
  }
}

}  // namespace
}  // namespace phios
