// Pages of codes by integers: queries and weights in 16 bits, times the codes two by two, summed up in 32
// bits. After attention_impl.h, over whatever Ints the including file has chosen.
//
// A query (or a weight) that is multiplied with a page's ranges is rounded in steps of a 32,000th of its
// largest channel (or of a run's largest position): two digits finer than the page's own rounding. Sums of
// integers are exact, so that no order of them matters.
#pragma once

#include "drivers/model/native/attention_impl.h"

namespace phios {
namespace {

// The largest number of n whose products with codes are summed up in 32 bits.
constexpr float most_of(size_t n) { return n > 256 ? 8000 : 32000; }
static_assert(most_of(256) * 255 * 256 < 2147483648.0f && most_of(1024) * 255 * 1024 < 2147483648.0f);

// What `largest` is multiplied with to become `most`; zeros stay zeros.
inline Vec steps_to(float most, Vec largest) {
  return vec_div(vec_set(most), vec_larger(largest, vec_set(1e-30f)));
}

// M queries times the ranges [mul, add] of P pages, in 16 bits: out [page][query][dim]. A score is shifts +
// units × Σ out × code, both [page][query].
template <int M, int P>
inline void round_queries(const float* ranges, const float* q, size_t dim, int16_t* out, float* units,
                          float* shifts) {
  static_assert(M * P <= static_cast<int>(kLanes));
  Vec largest[kLanes], shift[kLanes];
  for (size_t i = 0; i < kLanes; ++i) largest[i] = shift[i] = vec_zero();
  for (int p = 0; p < P; ++p)
    for (size_t c = 0; c < dim; c += kLanes) {
      const float* mul = ranges + static_cast<size_t>(p) * 2 * dim + c;
      const Vec scale = vec_load(mul), zero = vec_load(mul + dim);
      for (int m = 0; m < M; ++m) {
        const Vec x = vec_load(q + static_cast<size_t>(m) * dim + c);
        largest[p * M + m] = vec_larger(largest[p * M + m], vec_abs(vec_mul(x, scale)));
        shift[p * M + m] = vec_fma(x, zero, shift[p * M + m]);
      }
    }
  float steps[kLanes];
  const Vec peak = vec_maxima(largest);
  vec_store(steps, steps_to(most_of(dim), peak));
  vec_store(units, vec_mul(peak, vec_set(1 / most_of(dim))));
  vec_store(shifts, vec_sums(shift));
  for (int p = 0; p < P; ++p)
    for (int m = 0; m < M; ++m, out += dim) {
      const Vec step = vec_set(steps[p * M + m]);
      for (size_t c = 0; c < dim; c += kLanes) {
        const Vec scale = vec_load(ranges + static_cast<size_t>(p) * 2 * dim + c);
        const Vec x = vec_mul(vec_load(q + static_cast<size_t>(m) * dim + c), scale);
        vec_store_i16(out + c, vec_mul(x, step));
      }
    }
}

// The scores of P pages of keys for M queries, unmasked. q: [page][query][dim], as round_queries() has it.
template <KvTier tier, int M, int P, bool ahead>
__attribute__((noinline)) void score_pairs(const std::byte* const* keys, const std::byte* const* next,
                                           const int16_t* q, size_t dim, const float* units,
                                           const float* shifts, float* scores) {
  constexpr size_t run = run_bytes(tier);
  constexpr int kChannels = kLine / run;
  Sums acc[P][M];
  PHIOS_UNROLL for (int p = 0; p < P; ++p) PHIOS_UNROLL for (int m = 0; m < M; ++m) acc[p][m] = sums_zero();
  for (size_t c = 0; c < dim; c += kChannels) PHIOS_UNROLL for (int p = 0; p < P; ++p) {
      if constexpr (ahead) fetch(next[p] + c * run);
      const std::byte* line = keys[p] + c * run;
      PHIOS_UNROLL for (int i = 0; i < kChannels; i += 2) {
        const Ints pairs = pairs_at<tier>(line + i * run);
        PHIOS_UNROLL for (int m = 0; m < M; ++m) {
          const int16_t* query = q + static_cast<size_t>(p * M + m) * dim + c;
          acc[p][m] = ints_dot(acc[p][m], pairs, ints_pair(query + i));
        }
      }
    }
  if constexpr (ahead) PHIOS_UNROLL for (int p = 0; p < P; ++p) fetch_ranges(next[p] + dim * run, dim);
  PHIOS_UNROLL for (int p = 0; p < P; ++p) PHIOS_UNROLL for (int m = 0; m < M; ++m)
      vec_store(scores + static_cast<size_t>(m) * kBlockPositions + static_cast<size_t>(p) * kLanes,
                vec_fma(sums_float(acc[p][m]), vec_set(units[p * M + m]), vec_set(shifts[p * M + m])));
}

template <KvTier tier, int M, int P, bool ahead>
inline void score_by_pairs(const Tile& tile, const std::byte* const* keys, const float* q, size_t first) {
  float units[kLanes], shifts[kLanes];
  round_queries<M, P>(tile.ranges, q, tile.dim, tile.pairs, units, shifts);
  score_pairs<tier, M, P, ahead>(keys, tile.next_keys + first, tile.pairs, tile.dim, units, shifts,
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
    const Vec step = steps_to(most, vec_set(peak));
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
