// The attention kernels, over whatever Vec, codes and tile sizes the including file has chosen (simd_*.h,
// attention_*.cc). Everything here has internal linkage: each of the three files that include it compiles it
// for its own instruction set.
//
// A tile is up to kTileQueries queries of a block. Multiply-adds are written as vec_fma throughout, so that
// no tile size leaves the compiler a choice of rounding.
#pragma once

#include <cmath>
#include <cstring>

#include "drivers/model/native/attention_kernels.h"
#include "mm/codec.h"

namespace phios {
namespace {

static_assert(PHI_PAGE_TOKENS == kLanes, "a channel of a page's keys is one vector");
static_assert(kTileQueries <= static_cast<int>(kAttentionTile));

constexpr size_t kLine = 64;  // bytes of a cache line
constexpr size_t run_bytes(KvTier tier) { return kLanes * kv_bits(tier) / 8; }

template <KvTier tier>
inline Vec load_codes(const std::byte* p) {
  if constexpr (tier == KvTier::kF16)
    return vec_load_f16(reinterpret_cast<const uint16_t*>(p));
  else if constexpr (tier == KvTier::kInt8)
    return vec_load_u8(p);
  else if constexpr (tier == KvTier::kInt4)
    return vec_load_u4(p);
  else
    return vec_load_u2(p);
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

// What a tile works on: the pages that it sees, their keys and values, and what is fetched meanwhile: while
// piece i is read, piece i + kTilePages is on its way.
struct Tile {
  const AttentionBlock* block;
  size_t dim;
  size_t pages;
  const std::byte* pieces[2 * kBlockPages + 2 * kTilePages];  // keys, values, the next block's first keys
  unsigned seen[kBlockPages];                                 // positions that some query of the tile sees
  float* scores;                                              // [query][kBlockPositions]
  float* out;                                                 // [query][dim]
  float* rotated;                                             // the same, of pages that hold rotated heads
  float* ranges;                                              // [page][mul, add][dim], of the pages at hand

  KvTier tier(size_t page) const { return block->pages[page].tier; }
};

// The scores of P pages of keys for M queries, unmasked.
template <KvTier tier, int M, int P, bool ahead>
__attribute__((noinline)) void score_pages(const std::byte* const* keys, const std::byte* const* next,
                                           const float* ranges, const float* q, size_t dim, float* scores) {
  constexpr size_t run = run_bytes(tier), line_runs = kLine / run;
  Vec acc[M][P];
  for (int m = 0; m < M; ++m)
    for (int p = 0; p < P; ++p) acc[m][p] = vec_zero();
  for (size_t c = 0; c < dim;) {
    if constexpr (ahead)
      for (int p = 0; p < P; ++p) __builtin_prefetch(next[p] + c * run);
    for (size_t i = 0; i < line_runs; ++i, ++c) {
      Vec key[P];
      for (int p = 0; p < P; ++p) {
        key[p] = load_codes<tier>(keys[p] + c * run);
        if constexpr (tier != KvTier::kF16) {
          const float* mul = ranges + static_cast<size_t>(p) * 2 * dim;
          key[p] = vec_fma(key[p], vec_set(mul[c]), vec_set(mul[dim + c]));
        }
      }
      for (int m = 0; m < M; ++m) {
        const Vec query = vec_set(q[static_cast<size_t>(m) * dim + c]);
        for (int p = 0; p < P; ++p) acc[m][p] = vec_fma(query, key[p], acc[m][p]);
      }
    }
  }
  if constexpr (ahead && tier != KvTier::kF16)
    for (int p = 0; p < P; ++p)
      for (size_t at = dim * run; at < dim * (run + 2); at += kLine) __builtin_prefetch(next[p] + at);
  for (int m = 0; m < M; ++m)
    for (int p = 0; p < P; ++p)
      vec_store(scores + static_cast<size_t>(m) * kBlockPositions + static_cast<size_t>(p) * kLanes,
                acc[m][p]);
}

// The scores of pages [first, last), which are of one tier.
template <KvTier tier, int M, bool ahead>
void score_run(const Tile& tile, const float* q, size_t first, size_t last) {
  constexpr size_t kPages = kTilePages;
  for (size_t page = first; page < last;) {
    const size_t n = last - page < kPages ? last - page : kPages;
    // A single page goes alone; else pages that are missing are the last one again, behind what is read.
    const std::byte* keys[kPages];
    for (size_t p = 0; p < kPages; ++p) keys[p] = tile.pieces[page + (p < n ? p : n - 1)];
    if constexpr (tier != KvTier::kF16)
      for (size_t p = 0; p < n; ++p) {
        const std::byte* scales = keys[p] + tile.dim * run_bytes(tier);
        float* mul = tile.ranges + p * 2 * tile.dim;
        unpack_ranges<tier>(scales, scales + tile.dim, tile.dim, mul, mul + tile.dim);
      }
    float* scores = tile.scores + page * kLanes;
    const std::byte* const* next = tile.pieces + page + kPages;
    if (n == 1 || page + kPages > kBlockPages) {
      for (size_t p = 0; p < n; ++p)
        score_pages<tier, M, 1, ahead>(keys + p, next + p, tile.ranges + p * 2 * tile.dim, q, tile.dim,
                                       scores + p * kLanes);
    } else {
      score_pages<tier, M, kTilePages, ahead>(keys, next, tile.ranges, q, tile.dim, scores);
    }
    page += n;
  }
}

// out += Σ weight × value over pages [first, last), which are of one tier, for D vectors from `column` on.
template <KvTier tier, int M, int D, bool ahead>
__attribute__((noinline)) void add_values(const Tile& tile, size_t first, size_t last, size_t column,
                                          float* out) {
  constexpr size_t run = run_bytes(tier);
  const size_t dim = tile.dim, row = dim / kLanes * run, at = column / kLanes * run;
  const uint32_t groups = tile.block->shape.value_groups();
  const size_t group = groups == 1 ? 0 : column / KvShape::kValueGroup;
  Vec acc[M][D];
  for (int m = 0; m < M; ++m)
    for (int d = 0; d < D; ++d) acc[m][d] = vec_load(out + static_cast<size_t>(m) * dim + d * kLanes);
  for (size_t page = first; page < last; ++page) {
    const std::byte* values = tile.pieces[tile.pages + page];
    const std::byte* next = tile.pieces[tile.pages + page + kTilePages] + at;
    float mul[kLanes], add[kLanes];
    if constexpr (tier != KvTier::kF16) {
      const std::byte* scales = values + dim * run;
      unpack_ranges<tier>(scales + group * kLanes, scales + (groups + group) * kLanes, kLanes, mul, add);
    }
    const float* weights = tile.scores + page * kLanes;
    const std::byte* codes = values + at;
    for (unsigned t = 0; t < tile.seen[page]; ++t, codes += row, next += row) {
      if constexpr (ahead)
        for (size_t i = 0; i < D * run; i += kLine) __builtin_prefetch(next + i);
      Vec value[D];
      for (int d = 0; d < D; ++d) {
        value[d] = load_codes<tier>(codes + static_cast<size_t>(d) * run);
        if constexpr (tier != KvTier::kF16) value[d] = vec_fma(value[d], vec_set(mul[t]), vec_set(add[t]));
      }
      for (int m = 0; m < M; ++m) {
        const Vec weight = vec_set(weights[static_cast<size_t>(m) * kBlockPositions + t]);
        for (int d = 0; d < D; ++d) acc[m][d] = vec_fma(weight, value[d], acc[m][d]);
      }
    }
  }
  for (int m = 0; m < M; ++m)
    for (int d = 0; d < D; ++d) vec_store(out + static_cast<size_t>(m) * dim + d * kLanes, acc[m][d]);
}

template <KvTier tier, int M, bool ahead>
void add_run(const Tile& tile, size_t first, size_t last, float* out) {
  size_t column = 0;
  for (; column + kTileVectors * kLanes <= tile.dim; column += kTileVectors * kLanes)
    add_values<tier, M, kTileVectors, ahead>(tile, first, last, column, out + column);
  for (; column < tile.dim; column += kLanes)
    add_values<tier, M, 1, ahead>(tile, first, last, column, out + column);
}

// f(tier as a constant, first, last) for every run of pages of one tier.
template <class F>
inline void each_run(const Tile& tile, F&& f) {
  for (size_t first = 0, last; first < tile.pages; first = last) {
    const KvTier tier = tile.tier(first);
    last = first + 1;
    while (last < tile.pages && tile.tier(last) == tier) ++last;
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

// One query's scores become weights; their largest and their sum.
inline void soften(const Tile& tile, uint32_t last, float* scores, float& peak, float& sum) {
  Vec largest = vec_set(-INFINITY);
  for (size_t page = 0; page < tile.pages; ++page) {
    const unsigned seen = seen_of(tile.block->pages[page], last);
    float* s = scores + page * kLanes;
    if (seen < kLanes) vec_store(s, vec_keep(vec_load(s), seen, -INFINITY));
    largest = vec_larger(largest, vec_load(s));
  }
  peak = vec_max(largest);
  const Vec shift = vec_set(peak == -INFINITY ? 0 : -peak);
  Vec sums = vec_zero();
  for (size_t page = 0; page < tile.pages; ++page) {
    const Vec w = vec_exp(vec_add(vec_load(scores + page * kLanes), shift));
    vec_store(scores + page * kLanes, w);
    sums = vec_add(sums, w);
  }
  sum = vec_sum(sums);
}

// Merges what one query gathered elsewhere into `into`.
inline void merge_one(const AttentionState& into, float peak, float sum, const float* out, size_t dim) {
  if (peak == -INFINITY) return;
  const float largest = *into.peak > peak ? *into.peak : peak;
  float power[kLanes] = {*into.peak - largest, peak - largest};
  vec_store(power, vec_exp(vec_load(power)));
  const Vec keep = vec_set(power[0]), take = vec_set(power[1]);
  float sums[kLanes];
  vec_store(sums, vec_fma(vec_set(sum), take, vec_mul(vec_set(*into.sum), keep)));
  *into.peak = largest;
  *into.sum = sums[0];
  for (size_t d = 0; d < dim; d += kLanes)
    vec_store(into.out + d, vec_fma(vec_load(out + d), take, vec_mul(vec_load(into.out + d), keep)));
}

void merge(const AttentionState& into, const AttentionState& from, size_t n, size_t dim) {
  for (size_t i = 0; i < n; ++i)
    merge_one(into.from(i, dim), from.peak[i], from.sum[i], from.out + i * dim, dim);
}

void rotate(float* x, size_t dim) {
  const size_t block = dim & (~dim + 1);
  for (size_t half = 1; half < block; half *= 2)
    for (size_t first = 0; first < dim; first += 2 * half)
      for (size_t i = first; i < first + half; ++i) {
        const float a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
  const Vec norm = vec_set(1.0f / std::sqrt(static_cast<float>(block)));
  for (size_t i = 0; i < dim; i += kLanes) vec_store(x + i, vec_mul(vec_load(x + i), norm));
}

template <int M, bool ahead>
void attend_tile(const Tile& tile, const AttentionQueries& queries, const AttentionState& state) {
  const size_t dim = tile.dim;
  each_run(tile, [&]<KvTier tier>(size_t first, size_t last) {
    score_run<tier, M, ahead>(tile, kv_rotated(tier) ? queries.rotated : queries.q, first, last);
  });
  float peak[M], sum[M];
  for (int m = 0; m < M; ++m)
    soften(tile, queries.last[m], tile.scores + static_cast<size_t>(m) * kBlockPositions, peak[m], sum[m]);
  std::memset(tile.out, 0, M * dim * sizeof(float));
  bool rotated = false;
  each_run(tile, [&]<KvTier tier>(size_t first, size_t last) {
    if (kv_rotated(tier) && !rotated) std::memset(tile.rotated, 0, M * dim * sizeof(float));
    rotated |= kv_rotated(tier);
    add_run<tier, M, ahead>(tile, first, last, kv_rotated(tier) ? tile.rotated : tile.out);
  });
  for (size_t m = 0; m < M; ++m) {
    float* out = tile.out + m * dim;
    if (rotated) {
      rotate(tile.rotated + m * dim, dim);
      for (size_t d = 0; d < dim; d += kLanes)
        vec_store(out + d, vec_add(vec_load(out + d), vec_load(tile.rotated + m * dim + d)));
    }
    merge_one(state.from(m, dim), peak[m], sum[m], out, dim);
  }
}

// The pages that the queries see, and their pieces.
inline void see(Tile& tile, const AttentionQueries& queries, size_t n) {
  const AttentionBlock& block = *tile.block;
  uint32_t last = 0;
  for (size_t m = 0; m < n; ++m) last = last > queries.last[m] ? last : queries.last[m];
  tile.pages = 0;
  while (tile.pages < block.pages.size() && block.pages[tile.pages].first_pos <= last) {
    tile.seen[tile.pages] = seen_of(block.pages[tile.pages], last);
    ++tile.pages;
  }
  size_t at = 0;
  for (size_t page = 0; page < tile.pages; ++page) tile.pieces[at++] = block.keys(block.pages[page]);
  for (size_t page = 0; page < tile.pages; ++page) tile.pieces[at++] = block.values(block.pages[page]);
  for (size_t page = 0; page < block.next.size() && page < kTilePages; ++page)
    tile.pieces[at++] = block.keys(block.next[page]);
  for (const size_t end = 2 * tile.pages + 2 * kTilePages; at < end; ++at) tile.pieces[at] = tile.pieces[0];
}

template <int M, bool ahead>
inline void attend_queries(Tile& tile, const AttentionQueries& queries, const AttentionState& state) {
  see(tile, queries, M);
  if (tile.pages > 0) attend_tile<M, ahead>(tile, queries, state);
}

// The queries from `first` on, M at a time, what is left by smaller tiles. The first tile fetches ahead.
template <int M>
void attend_from(size_t first, Tile& tile, const AttentionQueries& queries, const AttentionState& state) {
  const auto part = [&] { return queries.part(first, M, tile.dim); };
  if (first == 0 && queries.n >= M) {
    attend_queries<M, true>(tile, part(), state);
    first = M;
  }
  for (; first + M <= queries.n; first += M)
    attend_queries<M, false>(tile, part(), state.from(first, tile.dim));
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
  tile.out = tile.scores + kAttentionTile * kBlockPositions;
  tile.rotated = tile.out + kAttentionTile * dim;
  tile.ranges = tile.rotated + kAttentionTile * dim;
  attend_from<kTileQueries>(0, tile, queries, state);
}

void finish(const AttentionState& state, size_t query, size_t dim, float* out) {
  const AttentionState s = state.from(query, dim);
  const Vec norm = vec_set(*s.sum > 0 ? 1.0f / *s.sum : 0.0f);
  for (size_t d = 0; d < dim; d += kLanes) vec_store(out + d, vec_mul(vec_load(s.out + d), norm));
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
