// Attention kernels: the inner loops of attention over pages, in one variant for each instruction set.
//
// The positions of a context are divided by their absolute numbers: 8 pages are a block, 8 blocks a section.
// A query's softmax is computed block by block, blocks are merged into their section in order, and sections
// in order into the whole, by log-sum-exp (online softmax, arXiv 1805.02867). Within a block a score is one
// chain of multiply-adds over the channels, an output one chain over the positions. So what a query gets
// depends on its own pages alone, bit for bit: not on the queries beside it, nor on who computes which
// section.
//
// Ownership: none; pure functions over the caller's arrays. Threads: any. Units: floats, unless a name says
// otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "drivers/model/native/kernels.h"
#include "mm/kv_view.h"

namespace phios {

inline constexpr uint32_t kBlockPages = 8;
inline constexpr uint32_t kBlockPositions = kBlockPages * PHI_PAGE_TOKENS;
inline constexpr uint32_t kSectionBlocks = 8;
inline constexpr uint32_t kSectionPositions = kSectionBlocks * kBlockPositions;

// What n queries of one KV head have gathered so far. Empty: peak -inf, sum 0, out 0.
struct AttentionState {
  float* peak = nullptr;  // [n] the largest score
  float* sum = nullptr;   // [n] Σ 2^(score - peak)
  float* out = nullptr;   // [n][head_dim] Σ 2^(score - peak) × value

  AttentionState from(size_t query, size_t head_dim) const {
    return {peak + query, sum + query, out + query * head_dim};
  }
};

// Queries of one KV head: the query heads that share it, of one row or of several.
struct AttentionQueries {
  size_t n = 0;
  const float* q = nullptr;         // [n][head_dim], scaled by log2(e) / √head_dim
  const float* rotated = nullptr;   // the same, as rotated pages are read; none where no page is
  const uint32_t* last = nullptr;   // [n] the last position that each sees
  const uint32_t* first = nullptr;  // [n] the first one; none: 0
  float cap = 0;                    // scores become cap × tanh(score / cap), scaled alike; 0: they stay

  AttentionQueries part(size_t from, size_t count, size_t head_dim) const {
    return {count,
            q + from * head_dim,
            rotated ? rotated + from * head_dim : nullptr,
            last + from,
            first ? first + from : nullptr,
            cap};
  }
};

// One head's pages of one block.
struct AttentionBlock {
  KvShape shape;
  uint32_t layer = 0;
  uint32_t kv_head = 0;
  std::span<const KvSpan> pages;  // at most kBlockPages
  std::span<const KvSpan> next;   // the block to come, to be fetched meanwhile; may be empty

  const float* rotation(std::vector<float> KvRotations::* of) const {
    return shape.rotation(of, layer, kv_head);
  }
};

struct AttentionKernels {
  std::string_view name;  // as Kernels::name
  // Merges the block into the state; `scratch` has attention_scratch() floats, best from the
  // beginning of a cache line: a vector across two costs two accesses.
  void (*attend)(const AttentionQueries& queries, const AttentionBlock& block, const AttentionState& state,
                 float* scratch);
  // Merges the second state of n queries into the first.
  void (*merge)(const AttentionState& into, const AttentionState& from, size_t n, size_t head_dim);
  // out[query] = the state's normalised output; zeros where a query saw nothing.
  void (*finish)(const AttentionState& state, size_t query, size_t head_dim, float* out);
  // bounds[head][page] = no less than the largest score of the page's keys for any of the head's queries, by
  // the ranges of its channels: of n_heads heads, from the block's on, each with queries.n queries. The block
  // may have any number of pages, all of them full; `scratch` has bound_scratch() floats.
  void (*bound)(const AttentionQueries& queries, const AttentionBlock& block, uint32_t n_heads,
                float* scratch, float* bounds);
  // A bar that the n largest ranks reach, and of the others at most some that equal it.
  int32_t (*find_bar)(const int32_t* ranks, size_t n_ranks, uint32_t n);
  // out = rotate_head() of the codec of x.
  void (*rotate)(const float* x, const float* matrix, size_t head_dim, float* out);
  // write_key_ranges() of the codec.
  void (*key_ranges)(const uint16_t* keys, uint32_t head_dim, std::byte* out);
};

inline constexpr size_t kAttentionTile = 8;  // queries that a kernel takes at once, at most
constexpr size_t attention_scratch(size_t head_dim) {
  return kAttentionTile * (3 * kBlockPositions + 4 * head_dim) + 2 * kBlockPages * head_dim;
}

constexpr size_t bound_scratch(size_t n_heads, size_t n_queries, size_t head_dim) {
  return n_heads * ((n_queries + 3) / 4) * 16 * head_dim;
}

// The variant for kernels of that name, which must be one of supported_kernels(): avx2 for avxvnni, and for
// an avx512 that cannot multiply pairs of 16-bit integers or permute bytes.
const AttentionKernels& attention_kernels(std::string_view name);

extern const AttentionKernels kAttentionAvx512;
extern const AttentionKernels kAttentionAvx2;
extern const AttentionKernels kAttentionPortable;

}  // namespace phios
