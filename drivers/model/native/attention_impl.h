// The attention kernels, over whatever Vec, codes and tile sizes the including file has chosen (simd_*.h,
// attention_*.cc). Everything here has internal linkage: each of the three files that include it compiles it
// for its own instruction set.
//
// A tile is up to kTileQueries queries of a block. Multiply-adds are written as vec_fma throughout, so that
// no tile size leaves the compiler a choice of rounding.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "drivers/model/native/attention_bounds_impl.h"
#include "drivers/model/native/attention_kernels.h"
#include "drivers/model/native/attention_merge_impl.h"
#include "drivers/model/native/attention_rotation_impl.h"
#include "mm/codec.h"

namespace phios {
namespace {

static_assert(PHI_PAGE_TOKENS == kLanes, "a channel of a page's keys is one vector");
static_assert(kTileQueries <= static_cast<int>(kAttentionTile));

// Before a loop over a tile's registers: an array that a loop runs through would lie in memory.
#define PHIOS_UNROLL _Pragma("GCC unroll 8")

// What is read soon goes into the second cache: the first has room for few misses at a time. Always inlined:
// GCC 12 takes a function that does nothing but this for one that does nothing.
inline __attribute__((always_inline)) void fetch(const std::byte* line) { __builtin_prefetch(line, 0, 2); }
// The ranges of a head's keys.
inline __attribute__((always_inline)) void fetch_ranges(const std::byte* ranges, size_t dim) {
  for (size_t at = 0; at < 2 * dim; at += kLine) fetch(ranges + at);
}

// How many pages, and vectors of values, so many queries take at once.
constexpr int tile_pages(int queries) {
  return queries == 1 ? 2 * kTilePages : queries <= 4 ? kTilePages : kTilePages / 2;
}
constexpr int tile_vectors(int queries) { return queries <= 4 ? kTileVectors : kTileVectors / 2; }

constexpr size_t run_bytes(KvTier tier) { return kLanes * kv_bits(tier) / 8; }

// Sixteen packed codes as floats, of tiers whose codes are not multiplied as integers: the including file's.
template <KvTier tier>
Vec load_packed(const std::byte* p);

template <KvTier tier>
inline Vec load_codes(const std::byte* p) {
  if constexpr (tier == KvTier::kF16)
    return vec_load_f16(reinterpret_cast<const uint16_t*>(p));
  else
    return load_packed<tier>(p);
}

// n ranges, a multiple of 16: a code is add + code × mul.
template <KvTier tier>
inline void unpack_ranges(const std::byte* scales, const std::byte* zeros, size_t n, float* mul, float* add) {
  const Vec step = vec_set(kv_step(tier));
  for (size_t i = 0; i < n; i += kLanes) {
    const Vec scale = vec_load_scale(scales + i);
    vec_store(mul + i, vec_mul(scale, step));
    vec_store(add + i, vec_mul(scale, vec_load_i8(zeros + i)));
  }
}

// What a tile works on: pages [begin, end) of the block, which it sees, the keys and values of all, and those
// of the next block, which are fetched meanwhile.
struct Tile {
  const AttentionBlock* block;
  size_t dim;
  size_t begin, end;
  const std::byte* keys[kBlockPages];
  const std::byte* values[kBlockPages];
  const std::byte* next_keys[kBlockPages];  // of a block with fewer pages one at hand, fetched in vain
  const std::byte* next_values[kBlockPages];
  unsigned seen[kBlockPages];  // positions that some query of the tile sees
  float* scores;               // [query][kBlockPositions], which become weights
  float* weights;              // the same, times the scales of the values
  float* out;                  // [query][dim]
  float* rotated;              // the same, of pages that hold rotated heads
  float* ranges;               // [page][mul, add][dim], of the pages at hand
  int16_t* pairs;              // queries or weights in 16 bits, where integers are multiplied
  int16_t* rounded;            // [query][dim], of a run of pages, there

  KvTier tier(size_t page) const { return block->pages[page].tier; }
  bool coded() const {
    return std::any_of(block->pages.begin() + begin, block->pages.begin() + end,
                       [](const KvSpan& span) { return span.tier != KvTier::kF16; });
  }
};

// The scores of P pages of keys for M queries, unmasked.
template <KvTier tier, int M, int P, bool ahead>
__attribute__((noinline)) void score_pages(const std::byte* const* keys, const std::byte* const* next,
                                           const float* ranges, const float* q, size_t dim, float* scores) {
  constexpr size_t run = run_bytes(tier), line_runs = kLine / run;
  Vec acc[M][P];
  PHIOS_UNROLL for (int m = 0; m < M; ++m) PHIOS_UNROLL for (int p = 0; p < P; ++p) acc[m][p] = vec_zero();
  for (size_t c = 0; c < dim;) {
    if constexpr (ahead) PHIOS_UNROLL for (int p = 0; p < P; ++p) fetch(next[p] + c * run);
    for (size_t i = 0; i < line_runs; ++i, ++c) {
      Vec key[P];
      PHIOS_UNROLL for (int p = 0; p < P; ++p) {
        key[p] = load_codes<tier>(keys[p] + c * run);
        if constexpr (tier != KvTier::kF16) {
          const float* mul = ranges + static_cast<size_t>(p) * 2 * dim;
          key[p] = vec_fma(key[p], vec_set(mul[c]), vec_set(mul[dim + c]));
        }
      }
      PHIOS_UNROLL for (int m = 0; m < M; ++m) {
        const Vec query = vec_set(q[static_cast<size_t>(m) * dim + c]);
        PHIOS_UNROLL for (int p = 0; p < P; ++p) acc[m][p] = vec_fma(query, key[p], acc[m][p]);
      }
    }
  }
  if constexpr (ahead && tier != KvTier::kF16)
    PHIOS_UNROLL for (int p = 0; p < P; ++p) fetch_ranges(next[p] + dim * run, dim);
  PHIOS_UNROLL for (int m = 0; m < M; ++m) PHIOS_UNROLL for (int p = 0; p < P; ++p) vec_store(
      scores + static_cast<size_t>(m) * kBlockPositions + static_cast<size_t>(p) * kLanes, acc[m][p]);
}

// M queries in 16 bits, for the pages of a run. Channel c of a query is units × q[c] ÷ 2^tops[c].
template <int M>
struct RunQueries {
  const int16_t* q;       // [query][dim]
  const std::byte* tops;  // [dim] the largest of the run's scales; their fractions do not count
  float units[kLanes];    // again and again those of the M queries
};
// Tiers whose codes are multiplied as integers: by attention_pairs_impl.h.
template <KvTier tier, int M>
RunQueries<M> round_queries(const Tile& tile, const float* q, size_t first, size_t last);
template <KvTier tier, int M, int P, bool ahead>
void score_by_pairs(const Tile& tile, const std::byte* const* keys, const RunQueries<M>& q, size_t first);
template <KvTier tier, int M, bool ahead>
void add_by_pairs(const Tile& tile, size_t first, size_t last, size_t column, size_t end,
                  const float* offsets, float* out);

// The scores of pages [first, last), which are of one tier, by groups of P, what is left by smaller ones:
// half as many pages are hardly cheaper, so that pages that are missing are the last one again, written
// behind what is read.
template <KvTier tier, int M, bool ahead, int P = tile_pages(M), class Queries>
void score_run(const Tile& tile, const Queries& q, size_t first, size_t last) {
  constexpr size_t kPages = P;
  while (first < last) {
    const size_t n = last - first < kPages ? last - first : kPages;
    if constexpr (P > 1)
      if (n * 2 <= kPages || first + kPages > kBlockPages)
        return score_run<tier, M, ahead, P / 2>(tile, q, first, last);
    const std::byte* keys[kPages];
    for (size_t p = 0; p < kPages; ++p) keys[p] = tile.keys[first + (p < n ? p : n - 1)];
    if constexpr (tier != KvTier::kF16 && !kByPairs<tier>)
      for (size_t p = 0; p < kPages; ++p) {
        const std::byte* scales = keys[p] + tile.dim * run_bytes(tier);
        float* mul = tile.ranges + p * 2 * tile.dim;
        unpack_ranges<tier>(scales, scales + tile.dim, tile.dim, mul, mul + tile.dim);
      }
    if constexpr (kByPairs<tier>)
      score_by_pairs<tier, M, P, ahead>(tile, keys, q, first);
    else
      score_pages<tier, M, P, ahead>(keys, tile.next_keys + first, tile.ranges, q, tile.dim,
                                     tile.scores + first * kLanes);
    first += n;
  }
}

// The weights of M queries for the codes of one group of the values of pages [first, last): a value is add +
// code × mul, so that Σ weight × value = Σ (weight × mul) × code + offset.
template <KvTier tier, int M>
void fold_ranges(const Tile& tile, size_t first, size_t last, size_t group, float (&offsets)[M]) {
  const uint32_t groups = tile.block->shape.value_groups();
  Vec sums[M];
  for (int m = 0; m < M; ++m) sums[m] = vec_zero();
  for (size_t page = first; page < last; ++page) {
    const std::byte* scales = tile.values[page] + tile.dim * run_bytes(tier) + group * kLanes;
    float mul[kLanes], add[kLanes];
    unpack_ranges<tier>(scales, scales + groups * kLanes, kLanes, mul, add);
    PHIOS_UNROLL for (int m = 0; m < M; ++m) {
      const size_t at = static_cast<size_t>(m) * kBlockPositions + page * kLanes;
      const Vec weight = vec_load(tile.scores + at);
      vec_store(tile.weights + at, vec_mul(weight, vec_load(mul)));
      sums[m] = vec_fma(weight, vec_load(add), sums[m]);
    }
  }
  for (int m = 0; m < M; ++m) offsets[m] = vec_sum(sums[m]);
}

// out += offset + Σ weight × code over pages [first, last), which are of one tier, for D vectors from
// `column` on. Even and odd positions are summed up apart, to halve the chains.
template <KvTier tier, int M, int D, bool ahead>
__attribute__((noinline)) void add_values(const Tile& tile, size_t first, size_t last, size_t column,
                                          const float* weights, const float* offsets, float* out) {
  constexpr size_t run = run_bytes(tier);
  const size_t dim = tile.dim, row = dim / kLanes * run, at = column / kLanes * run;
  Vec acc[2][M][D];
  for (int m = 0; m < M; ++m)
    for (int d = 0; d < D; ++d) {
      acc[0][m][d] = vec_add(vec_load(out + static_cast<size_t>(m) * dim + d * kLanes), vec_set(offsets[m]));
      acc[1][m][d] = vec_zero();
    }
  for (size_t page = first; page < last; ++page) {
    const float* page_weights = weights + page * kLanes;
    const std::byte* codes = tile.values[page] + at;
    // The passes over columns share out the next page's lines as they lie, not each its columns'.
    const std::byte* next = tile.next_values[page] + at * PHI_PAGE_TOKENS;
    if constexpr (ahead && tier != KvTier::kF16)  // the ranges, behind the codes
      fetch(tile.next_values[page] + dim * run);
    const auto add_position = [&](Vec(&sums)[M][D], unsigned t) {
      if constexpr (ahead)
        for (size_t i = 0; i < D * run; i += kLine) fetch(next + t * D * run + i);
      Vec value[D];
      for (int d = 0; d < D; ++d) value[d] = load_codes<tier>(codes + t * row + static_cast<size_t>(d) * run);
      for (int m = 0; m < M; ++m) {
        const Vec weight = vec_set(page_weights[static_cast<size_t>(m) * kBlockPositions + t]);
        for (int d = 0; d < D; ++d) sums[m][d] = vec_fma(weight, value[d], sums[m][d]);
      }
    };
    const unsigned seen = tile.seen[page];
    for (unsigned t = 0; t + 2 <= seen; t += 2) {
      add_position(acc[0], t);
      add_position(acc[1], t + 1);
    }
    if (seen % 2 != 0) add_position(acc[0], seen - 1);
  }
  for (int m = 0; m < M; ++m)
    for (int d = 0; d < D; ++d)
      vec_store(out + static_cast<size_t>(m) * dim + d * kLanes, vec_add(acc[0][m][d], acc[1][m][d]));
}

// f(D as a constant, column) for columns [column, end), D vectors at a time, what is left by fewer.
template <int D, class F>
inline void each_columns(size_t column, size_t end, F&& f) {
  for (; column + D * kLanes <= end; column += D * kLanes) f.template operator()<D>(column);
  if constexpr (D > 1)
    if (column < end) each_columns<D / 2>(column, end, f);
}

template <KvTier tier, int M, bool ahead>
void add_run(const Tile& tile, size_t first, size_t last, float* out) {
  float offsets[M] = {};
  const auto add = [&](size_t column, size_t end, const float* weights) {
    each_columns<tile_vectors(M)>(column, end, [&]<int D>(size_t at) {
      add_values<tier, M, D, ahead>(tile, first, last, at, weights, offsets, out + at);
    });
  };
  if constexpr (tier == KvTier::kF16) {
    add(0, tile.dim, tile.scores);
  } else {
    const size_t groups = tile.block->shape.value_groups(), width = tile.dim / groups;
    for (size_t group = 0; group < groups; ++group) {
      const size_t column = group * width, end = column + width;
      fold_ranges<tier, M>(tile, first, last, group, offsets);
      if constexpr (kByPairs<tier>)
        add_by_pairs<tier, M, ahead>(tile, first, last, column, end, offsets, out);
      else
        add(column, end, tile.weights);
    }
  }
}

// f(tier as a constant, first, last) for every run of pages of one tier.
template <class F>
inline void each_run(const Tile& tile, F&& f) {
  for (size_t first = tile.begin, last; first < tile.end; first = last) {
    const KvTier tier = tile.tier(first);
    last = first + 1;
    while (last < tile.end && tile.tier(last) == tier) ++last;
    switch (tier) {
      case KvTier::kF16:
        f.template operator()<KvTier::kF16>(first, last);
        break;
      case KvTier::kInt8:
        f.template operator()<KvTier::kInt8>(first, last);
        break;
      case KvTier::kInt4:
        f.template operator()<KvTier::kInt4>(first, last);
        break;
      case KvTier::kInt2:
        f.template operator()<KvTier::kInt2>(first, last);
        break;
    }
  }
}

// Positions of a page that a query sees.
inline unsigned seen_of(const KvSpan& span, uint32_t last) {
  if (last < span.first_pos) return 0;
  return last - span.first_pos + 1 < span.n ? last - span.first_pos + 1 : span.n;
}

// cap × tanh(score / cap), by tanh(y) = 1 - 2 / (1 + 2^(2 y log2(e))); beyond 60 tanh is 1.
inline Vec capped(Vec score, float cap) {
  const Vec minus = vec_set(-1.0f), least = vec_set(-60.0f);
  Vec y = vec_larger(vec_mul(score, vec_set(2.0f * std::numbers::log2e_v<float> / cap)), least);
  y = vec_mul(vec_larger(vec_mul(y, minus), least), minus);
  return vec_add(vec_set(cap), vec_div(vec_set(-2.0f * cap), vec_add(vec_exp2(y), vec_set(1.0f))));
}

// A query's scores of a page that it does not see whole, or that a cap bends.
inline void mask_scores(const KvSpan& span, const AttentionQueries& queries, size_t query, float* scores) {
  const unsigned seen = seen_of(span, queries.last[query]);
  const uint32_t first = queries.first ? queries.first[query] : 0;
  if (queries.cap > 0) vec_store(scores, capped(vec_load(scores), queries.cap));
  if (seen < kLanes) vec_store(scores, vec_keep(vec_load(scores), seen, -INFINITY));
  for (uint32_t i = 0; i < kLanes && span.first_pos + i < first; ++i) scores[i] = -INFINITY;
}

// The scores of M queries become weights; their largest and their sums. The queries side by side, so that
// one's exponentials do not wait for another's.
template <int M>
inline void soften(const Tile& tile, const AttentionQueries& queries, float (&peak)[M], float (&sum)[M]) {
  uint32_t first = 0, last = UINT32_MAX;  // what all of them see
  for (int m = 0; m < M; ++m) {
    if (queries.first && queries.first[m] > first) first = queries.first[m];
    if (queries.last[m] < last) last = queries.last[m];
  }
  Vec largest[M], shift[M], sums[M];
  for (Vec& l : largest) l = vec_set(-INFINITY);
  for (size_t page = tile.begin; page < tile.end; ++page) {
    const KvSpan& span = tile.block->pages[page];
    const bool whole = seen_of(span, last) == kLanes && span.first_pos >= first && queries.cap <= 0;
    PHIOS_UNROLL for (int m = 0; m < M; ++m) {
      float* s = tile.scores + static_cast<size_t>(m) * kBlockPositions + page * kLanes;
      if (!whole) mask_scores(span, queries, static_cast<size_t>(m), s);
      largest[m] = vec_larger(largest[m], vec_load(s));
    }
  }
  for (int m = 0; m < M; ++m) {
    peak[m] = vec_max(largest[m]);
    shift[m] = vec_set(peak[m] == -INFINITY ? 0 : -peak[m]);
    sums[m] = vec_zero();
  }
  for (size_t page = tile.begin; page < tile.end; ++page) PHIOS_UNROLL for (int m = 0; m < M; ++m) {
      float* s = tile.scores + static_cast<size_t>(m) * kBlockPositions + page * kLanes;
      const Vec weight = vec_exp2(vec_add(vec_load(s), shift[m]));
      vec_store(s, weight);
      sums[m] = vec_add(sums[m], weight);
    }
  for (int m = 0; m < M; ++m) sum[m] = vec_sum(sums[m]);
}

template <int M, bool ahead>
void attend_tile(const Tile& tile, const AttentionQueries& queries, const AttentionState& state) {
  const size_t dim = tile.dim;
  const KvShape& shape = tile.block->shape;
  each_run(tile, [&]<KvTier tier>(size_t first, size_t last) {
    const float* q = shape.rotates(tier) ? queries.rotated : queries.q;
    if constexpr (kByPairs<tier>)
      score_run<tier, M, ahead>(tile, round_queries<tier, M>(tile, q, first, last), first, last);
    else
      score_run<tier, M, ahead>(tile, q, first, last);
  });
  float peak[M], sum[M];
  soften<M>(tile, queries, peak, sum);
  std::memset(tile.out, 0, M * dim * sizeof(float));
  bool rotated = false;
  each_run(tile, [&]<KvTier tier>(size_t first, size_t last) {
    if (shape.rotates(tier) && !rotated) std::memset(tile.rotated, 0, M * dim * sizeof(float));
    rotated |= shape.rotates(tier);
    add_run<tier, M, ahead>(tile, first, last, shape.rotates(tier) ? tile.rotated : tile.out);
  });
  for (size_t m = 0; rotated && m < M; ++m) {
    float* out = tile.out + m * dim;
    rotate(tile.rotated + m * dim, tile.block->rotation(&KvRotations::outputs), dim, tile.ranges);
    for (size_t d = 0; d < dim; d += kLanes)
      vec_store(out + d, vec_add(vec_load(out + d), vec_load(tile.ranges + d)));
  }
  merge_few(state, {peak, sum, tile.out}, M, dim);
}

// Where the pages of a block lie. Offsets are computed once for a run of pages of one tier.
inline void locate(Tile& tile) {
  const AttentionBlock& block = *tile.block;
  const auto each = [](std::span<const KvSpan> pages, auto offset, const std::byte** at) {
    for (size_t page = 0, bytes = 0; page < pages.size() && page < kBlockPages; ++page) {
      if (page == 0 || pages[page].tier != pages[page - 1].tier) bytes = offset(pages[page].tier);
      at[page] = pages[page].frame + bytes;
    }
  };
  const auto& [shape, layer, head, pages, next] = block;
  each(pages, [&](KvTier tier) { return shape.key_offset(tier, layer, head); }, tile.keys);
  each(pages, [&](KvTier tier) { return shape.value_offset(tier, layer, head); }, tile.values);
  each(next, [&](KvTier tier) { return shape.key_offset(tier, layer, head); }, tile.next_keys);
  each(next, [&](KvTier tier) { return shape.value_offset(tier, layer, head); }, tile.next_values);
  for (size_t page = next.size(); page < kBlockPages; ++page) {
    tile.next_keys[page] = tile.keys[0];
    tile.next_values[page] = tile.values[0];
  }
}

// The pages that the queries see; false if some see others than the rest.
inline bool see(Tile& tile, const AttentionQueries& queries, size_t n) {
  const auto first_of = [&](size_t m) { return queries.first ? queries.first[m] : 0; };
  uint32_t first = first_of(0), first_of_all = first, last = queries.last[0], last_of_all = last;
  for (size_t m = 1; m < n; ++m) {
    first = std::min(first, first_of(m)), first_of_all = std::max(first_of_all, first_of(m));
    last = std::max(last, queries.last[m]), last_of_all = std::min(last_of_all, queries.last[m]);
  }
  const std::span<const KvSpan> pages = tile.block->pages;
  const auto ends_before = [&](size_t page, uint32_t pos) {
    return pages[page].first_pos + pages[page].n <= pos;
  };
  tile.begin = 0;
  while (tile.begin < pages.size() && ends_before(tile.begin, first)) ++tile.begin;
  tile.end = tile.begin;
  while (tile.end < pages.size() && pages[tile.end].first_pos <= last) {
    tile.seen[tile.end] = seen_of(pages[tile.end], last);
    ++tile.end;
  }
  return tile.begin == tile.end ||
         (!ends_before(tile.begin, first_of_all) && pages[tile.end - 1].first_pos <= last_of_all);
}

// Queries that are rounded for the pages of a run, each for those that it sees, go alone where these differ.
template <int M, bool ahead>
inline void attend_queries(Tile& tile, const AttentionQueries& queries, const AttentionState& state) {
  const bool alike = see(tile, queries, M);
  if constexpr (M > 1 && kByPairs<KvTier::kInt8>)
    if (!alike && tile.coded()) {
      for (size_t m = 0; m < M; ++m)
        attend_queries<1, true>(tile, queries.part(m, 1, tile.dim), state.from(m, tile.dim));
      return;
    }
  if (tile.begin < tile.end) attend_tile<M, ahead>(tile, queries, state);
}

// The queries from `first` on, M at a time, what is left by smaller tiles. Whole tiles but the first find
// the pages in the cache and fetch nothing ahead.
template <int M>
void attend_from(size_t first, Tile& tile, const AttentionQueries& queries, const AttentionState& state) {
  for (; first + M <= queries.n; first += M) {
    const AttentionQueries part = queries.part(first, M, tile.dim);
    if (M < kTileQueries || first == 0)
      attend_queries<M, true>(tile, part, state.from(first, tile.dim));
    else
      attend_queries < M, M<kTileQueries>(tile, part, state.from(first, tile.dim));
  }
  if constexpr (M > 1)
    if (first < queries.n) attend_from<M / 2>(first, tile, queries, state);
}

void attend(const AttentionQueries& queries, const AttentionBlock& block, const AttentionState& state,
            float* scratch) {
  const size_t dim = block.shape.head_dim;
  Tile tile;
  tile.block = &block;
  tile.dim = dim;
  tile.scores = scratch;
  tile.weights = tile.scores + kAttentionTile * kBlockPositions;
  tile.out = tile.weights + kAttentionTile * kBlockPositions;
  tile.rotated = tile.out + kAttentionTile * dim;
  tile.ranges = tile.rotated + kAttentionTile * dim;
  tile.pairs = reinterpret_cast<int16_t*>(tile.ranges + 2 * kBlockPages * dim);
  tile.rounded = tile.pairs + kLanes * dim;
  locate(tile);
  attend_from<kTileQueries>(0, tile, queries, state);
}

void finish(const AttentionState& state, size_t query, size_t dim, float* out) {
  const AttentionState s = state.from(query, dim);
  const Vec norm = vec_set(*s.sum > 0 ? 1.0f / *s.sum : 0.0f);
  for (size_t d = 0; d < dim; d += kLanes) vec_store(out + d, vec_mul(vec_load(s.out + d), norm));
}

constexpr AttentionKernels attention_table(std::string_view name) {
  return {.name = name,
          .attend = attend,
          .merge = merge,
          .finish = finish,
          .bound = bound,
          .find_bar = find_bar,
          .rotate = rotate,
          .key_ranges = key_ranges};
}

}  // namespace
}  // namespace phios
