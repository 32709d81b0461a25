#include "drivers/model/native/simd_avx512.h"
// The kernels come after the Vec that they are written over.
#include <cstring>

#include "drivers/model/native/attention_kernels.h"

namespace phios {
namespace {

constexpr int kTileQueries = 8;
constexpr int kTilePages = 4, kTileVectors = 2;  // of four queries; eight take half as many

inline __m128i load_16(const std::byte* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline Vec vec_load_u8(const std::byte* p) { return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_16(p)))}; }
inline Vec vec_load_i8(const std::byte* p) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(p)))}; }
inline Vec vec_load_scale(const std::byte* p) {
  const __m512i scale = _mm512_slli_epi32(_mm512_cvtepu8_epi32(load_16(p)), 20);
  return {_mm512_castsi512_ps(_mm512_add_epi32(scale, _mm512_set1_epi32(107 << 23)))};
}
// Codes are looked up by the low four bits of each lane.
inline Vec vec_load_u4(const std::byte* p) {
  long long words;
  std::memcpy(&words, p, sizeof words);
  const __m512i shifts = _mm512_setr_epi32(0, 0, 4, 4, 8, 8, 12, 12, 16, 16, 20, 20, 24, 24, 28, 28);
  const __m512 codes = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return {_mm512_permutexvar_ps(_mm512_srlv_epi32(_mm512_set1_epi64(words), shifts), codes)};
}
inline Vec vec_load_u2(const std::byte* p) {
  int word;
  std::memcpy(&word, p, sizeof word);
  const __m512i shifts = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512 codes = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  return {_mm512_permutexvar_ps(_mm512_srlv_epi32(_mm512_set1_epi32(word), shifts), codes)};
}

// Lane i becomes lane i ^ half.
template <int half>
inline Vec vec_swap(Vec a) {
  if constexpr (half == 1) return {_mm512_permute_ps(a.v, 0xb1)};
  if constexpr (half == 2) return {_mm512_permute_ps(a.v, 0x4e)};
  if constexpr (half == 4) return {_mm512_shuffle_f32x4(a.v, a.v, 0xb1)};
  if constexpr (half == 8) return {_mm512_shuffle_f32x4(a.v, a.v, 0x4e)};
}

// 2^x to about two ulps, 0 far below 0. Cephes' polynomial.
inline Vec vec_exp2(Vec x) {
  const __m512 seen = _mm512_max_ps(x.v, _mm512_set1_ps(-200.0f));
  const __m512 n = _mm512_roundscale_ps(seen, 0);
  const __m512 r = _mm512_sub_ps(seen, n);
  __m512 p = _mm512_set1_ps(1.535336188319500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.339887440266574e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.618437357674640e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.550332471162809e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.402264791363012e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.931472028550421e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return {_mm512_scalef_ps(p, n)};
}

// Pairs of 16-bit integers.
struct Ints {
  __m512i v;
};
template <KvTier tier>
constexpr bool kByPairs = tier == KvTier::kInt8;

// Sums of them. Of 32-bit lanes for the compiler too, which else copies each sum there and back.
struct Sums {
  __v16si v;
};

inline Sums sums_zero() { return {reinterpret_cast<__v16si>(_mm512_setzero_si512())}; }
inline Vec sums_float(Sums a) { return {_mm512_cvtepi32_ps(reinterpret_cast<__m512i>(a.v))}; }
inline Ints ints_load(const std::byte* p) { return {_mm512_loadu_si512(p)}; }
// D × 16 codes; what lies behind them is not used.
template <int D>
inline Ints ints_row(const std::byte* p) {
  if constexpr (D == 4) return ints_load(p);
  if constexpr (D == 2)
    return {_mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  if constexpr (D == 1) return {_mm512_castsi128_si512(load_16(p))};
}
inline Ints ints_pair(const int16_t* pair) {
  int both;
  std::memcpy(&both, pair, sizeof both);
  return {_mm512_set1_epi32(both)};
}
// sum + the products of both pairs, in each lane.
inline Sums ints_dot(Sums sum, Ints codes, Ints pairs) {
  const auto before = reinterpret_cast<__m512i>(sum.v);
  return {reinterpret_cast<__v16si>(_mm512_dpwssd_epi32(before, codes.v, pairs.v))};
}
inline void vec_store_i16(int16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(a.v)));
}

// Bytes 0 and 2 of lane i are bytes first + i and second + i.
inline __m512i pick(int first, int second) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i both = _mm512_or_si512(lanes, _mm512_slli_epi32(lanes, 16));
  return _mm512_add_epi8(both, _mm512_set1_epi32(first | second << 16));
}
// Of a line of four channels × 16 positions two channels, a lane for each position.
template <int half>
inline Ints key_pairs(Ints line) {
  return {_mm512_maskz_permutexvar_epi8(0x5555555555555555, pick(32 * half, 32 * half + 16), line.v)};
}
// The d-th 16 channels of two positions, a lane for each channel.
inline Ints value_pairs(Ints even, Ints odd, int d) {
  const __m512i at = pick(16 * d, 16 * d);
  const __m512i low = _mm512_maskz_permutexvar_epi8(0x1111111111111111, at, even.v);
  return {_mm512_mask_permutexvar_epi8(low, 0x4444444444444444, at, odd.v)};
}

}  // namespace
}  // namespace phios

#include "drivers/model/native/attention_pairs_impl.h"

namespace phios {

const AttentionKernels kAttentionAvx512 = attention_table("avx512");

}  // namespace phios
