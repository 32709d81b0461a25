// Pages of codes by integers: queries and weights in 16 bits, times the codes two by two, summed up in 32
// bits. After attention_impl.h, over whatever Ints the including file has chosen.
//
// A query is rounded once for a run of pages, in steps of a 32,000th of its largest channel, each channel
// times the power of two in the largest of its scales. Page by page it is then multiplied by what the page's
// scales are of those powers: four bits and a shift. A weight times its position's range is rounded in such
// steps of the largest of a run. Both are two digits finer than the page's own rounding. Sums of integers are
// exact, so that no order of them matters.
#pragma once

#include "drivers/model/native/attention_impl.h"

namespace phios {
namespace {

// The largest number of n whose products with codes are summed up in 32 bits.
constexpr float most_of(size_t n) { return n > 256 ? 8000 : 32000; }
static_assert(most_of(256) * 255 * 256 < 2147483648.0f && most_of(1024) * 255 * 1024 < 2147483648.0f);

constexpr float kScaleUnit = 2;  // of a query times a scale

// What `largest` is multiplied with to become `most`; zeros stay zeros.
inline Vec steps_to(float most, float largest) { return vec_set(most / std::max(largest, 1e-30f)); }

template <KvTier tier, int M>
inline RunQueries<M> round_queries(const Tile& tile, const float* q, size_t first, size_t last) {
  const size_t dim = tile.dim;
  auto* tops = reinterpret_cast<std::byte*>(tile.ranges);
  RunQueries<M> out = {.q = tile.rounded, .tops = tops, .units = {}};
  Vec largest[M];
  for (Vec& l : largest) l = vec_zero();
  for (size_t c = 0; c < dim; c += kLanes) {
    const Vec power = largest_powers(tile.keys + first, last - first, dim * run_bytes(tier) + c, tops + c);
    for (int m = 0; m < M; ++m)
      largest[m] =
          vec_larger(largest[m], vec_abs(vec_mul(vec_load(q + static_cast<size_t>(m) * dim + c), power)));
  }
  for (int m = 0; m < M; ++m) {
    const float peak = vec_max(largest[m]);
    const Vec step = steps_to(most_of(dim), peak);
    for (size_t i = static_cast<size_t>(m); i < kLanes; i += M) out.units[i] = peak * (1 / most_of(dim));
    for (size_t c = 0; c < dim; c += kLanes) {
      const size_t at = static_cast<size_t>(m) * dim + c;
      vec_store_i16(tile.rounded + at, vec_mul(vec_mul(vec_load(q + at), power_of(tops + c)), step));
    }
  }
  return out;
}

// The queries times the scales of P pages: out [dim / 16][page][query][16]. shifts [page][query]: the same
// times the zeros, summed up.
template <KvTier tier, int M, int P>
inline void scale_queries(const std::byte* const* keys, const RunQueries<M>& q, size_t dim, int16_t* out,
                          float* shifts) {
  static_assert(M * P <= static_cast<int>(kLanes));
  Vec sums[kLanes];
  for (Vec& s : sums) s = vec_zero();
  for (size_t p = 0; p < P; ++p) {
    const std::byte* scales = keys[p] + dim * run_bytes(tier);
    HalfSums acc[M] = {};
    for (size_t c = 0; c < dim; c += kLanes) {
      const Shorts scale = shorts_scale(scales + c, q.tops + c);
      const Shorts zero = shorts_load_i8(scales + dim + c);
      PHIOS_UNROLL for (size_t m = 0; m < M; ++m) {
        const Shorts x = shorts_times(shorts_load(q.q + m * dim + c), scale);
        shorts_store(out + c * M * P + (p * M + m) * kLanes, x);
        acc[m] = shorts_dot(acc[m], x, zero);
      }
    }
    PHIOS_UNROLL for (size_t m = 0; m < M; ++m) sums[p * M + m] = sums_float(acc[m]);
  }
  vec_store(shifts, vec_mul(vec_sums(sums), vec_mul(vec_load(q.units), vec_set(kScaleUnit))));
}

// The scores of P pages of keys for M queries, unmasked. q as scale_queries() has it.
template <KvTier tier, int M, int P, bool ahead>
__attribute__((noinline)) void score_pairs(const std::byte* const* keys, const std::byte* const* next,
                                           const int16_t* q, size_t dim, const float* units,
                                           const float* shifts, float* scores) {
  constexpr size_t run = run_bytes(tier), kChannels = kLine / run;
  constexpr float kUnit = kScaleUnit * kv_step(tier);
  Sums acc[P][M];
  PHIOS_UNROLL for (int p = 0; p < P; ++p) PHIOS_UNROLL for (int m = 0; m < M; ++m) acc[p][m] = sums_zero();
  for (size_t c = 0; c < dim; c += kLanes, q += P * M * kLanes)
    for (size_t i = 0; i < kLanes; i += kChannels) PHIOS_UNROLL for (size_t p = 0; p < P; ++p) {
        const size_t at = (c + i) * run;
        if constexpr (ahead) fetch(next[p] + at);
        PHIOS_UNROLL for (size_t j = 0; j < kChannels; j += 2) {
          const Ints pairs = pairs_in<tier>(keys[p] + at, j);
          PHIOS_UNROLL for (size_t m = 0; m < M; ++m) acc[p][m] =
              ints_dot(acc[p][m], pairs, ints_pair(q + (p * M + m) * kLanes + i + j));
        }
      }
  if constexpr (ahead) PHIOS_UNROLL for (int p = 0; p < P; ++p) fetch_ranges(next[p] + dim * run, dim);
  PHIOS_UNROLL for (int p = 0; p < P; ++p) PHIOS_UNROLL for (int m = 0; m < M; ++m)
      vec_store(scores + static_cast<size_t>(m) * kBlockPositions + static_cast<size_t>(p) * kLanes,
                vec_fma(sums_float(acc[p][m]), vec_set(units[m] * kUnit), vec_set(shifts[p * M + m])));
}

template <KvTier tier, int M, int P, bool ahead>
inline void score_by_pairs(const Tile& tile, const std::byte* const* keys, const RunQueries<M>& q,
                           size_t first) {
  float shifts[kLanes];
  scale_queries<tier, M, P>(keys, q, tile.dim, tile.pairs, shifts);
  score_pairs<tier, M, P, ahead>(keys, tile.next_keys + first, tile.pairs, tile.dim, q.units, shifts,
                                 tile.scores + first * kLanes);
}

// tile.weights of pages [first, last) in 16 bits, [query][kBlockPositions]; a weight is units × that.
template <int M>
inline void round_weights(const Tile& tile, size_t first, size_t last, float (&units)[M]) {
  for (int m = 0; m < M; ++m) {
    const size_t row = static_cast<size_t>(m) * kBlockPositions;
    Vec largest = vec_zero();
    for (size_t page = first; page < last; ++page)
      largest = vec_larger(largest, vec_load(tile.weights + row + page * kLanes));
    constexpr float most = most_of(kBlockPositions);
    const float peak = vec_max(largest);
    units[m] = peak * (1 / most);
    const Vec step = steps_to(most, peak);
    for (size_t page = first; page < last; ++page) {
      const size_t at = row + page * kLanes;
      vec_store_i16(tile.pairs + at, vec_mul(vec_load(tile.weights + at), step));
    }
  }
}

// out += offset + Σ weight × code, D vectors from `column` on. Positions that are not seen have weight 0.
template <KvTier tier, int M, int D, bool ahead>
__attribute__((noinline)) void add_pairs(const Tile& tile, size_t first, size_t last, size_t column,
                                         const float* units, const float* offsets, float* out) {
  constexpr size_t run = run_bytes(tier);
  const size_t row = tile.dim / kLanes * run, at = column / kLanes * run;
  Sums acc[M][D];
  PHIOS_UNROLL for (int m = 0; m < M; ++m) PHIOS_UNROLL for (int d = 0; d < D; ++d) acc[m][d] = sums_zero();
  for (size_t page = first; page < last; ++page) {
    const std::byte* codes = tile.values[page] + at;
    const std::byte* next = tile.next_values[page] + at;
    if constexpr (ahead) fetch(tile.next_values[page] + kLanes * row);  // the ranges, behind the codes
    for (size_t t = 0; t < kLanes; t += 2, codes += 2 * row, next += 2 * row) {
      if constexpr (ahead) fetch(next), fetch(next + row);
      Ints value[D];
      PHIOS_UNROLL for (int d = 0; d < D; ++d) value[d] =
          pairs_of<tier>(codes + d * run, codes + row + d * run);
      PHIOS_UNROLL for (int m = 0; m < M; ++m) {
        const Ints weight =
            ints_pair(tile.pairs + static_cast<size_t>(m) * kBlockPositions + page * kLanes + t);
        PHIOS_UNROLL for (int d = 0; d < D; ++d) acc[m][d] = ints_dot(acc[m][d], value[d], weight);
      }
    }
  }
  PHIOS_UNROLL for (int m = 0; m < M; ++m) PHIOS_UNROLL for (int d = 0; d < D; ++d) {
    float* to = out + static_cast<size_t>(m) * tile.dim + d * kLanes;
    const Vec sum = vec_add(vec_load(to), vec_set(offsets[m]));
    vec_store(to, vec_fma(sums_float(acc[m][d]), vec_set(units[m]), sum));
  }
}

template <KvTier tier, int M, bool ahead>
inline void add_by_pairs(const Tile& tile, size_t first, size_t last, size_t column, size_t end,
                         const float* offsets, float* out) {
  float units[M];
  round_weights<M>(tile, first, last, units);
  each_columns<2 * tile_vectors(M)>(column, end, [&]<int D>(size_t at) {
    add_pairs<tier, M, D, ahead>(tile, first, last, at, units, offsets, out + at);
  });
}

}  // namespace
}  // namespace phios
