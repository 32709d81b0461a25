#include "drivers/model/native/simd_avx512.h"
// The kernels come after the Vec that they are written over.
#include <cstring>

#include "drivers/model/native/attention_kernels.h"

namespace phios {
namespace {

template <KvTier tier>
constexpr bool kByPairs = tier != KvTier::kF16;
constexpr int kTileQueries = 8;
constexpr int kTilePages = 4, kTileVectors = 2;  // of four queries; eight take half as many

inline __m128i load_16(const std::byte* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline Vec vec_load_i8(const std::byte* p) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(p)))}; }
inline Vec vec_load_scale(const std::byte* p) {
  const __m512i scale = _mm512_slli_epi32(_mm512_cvtepu8_epi32(load_16(p)), 20);
  return {_mm512_castsi512_ps(_mm512_add_epi32(scale, _mm512_set1_epi32(107 << 23)))};
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
// Sums of them. Of 32-bit lanes for the compiler too, which else copies each sum there and back.
struct Sums {
  __v16si v;
};

inline Sums sums_zero() { return {reinterpret_cast<__v16si>(_mm512_setzero_si512())}; }
inline Vec sums_float(Sums a) { return {_mm512_cvtepi32_ps(reinterpret_cast<__m512i>(a.v))}; }
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

// Sixteen 16-bit integers, and eight sums of products of their pairs.
struct Shorts {
  __m256i v;
};
struct HalfSums {
  __v8si v;
};

inline Shorts shorts_load(const int16_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
inline Shorts shorts_load_i8(const std::byte* p) { return {_mm256_cvtepi8_epi16(load_16(p))}; }
inline void shorts_store(int16_t* p, Shorts a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v); }
// a × b ÷ 2^15, rounded.
inline Shorts shorts_times(Shorts a, Shorts b) { return {_mm256_mulhrs_epi16(a.v, b.v)}; }
inline HalfSums shorts_dot(HalfSums sum, Shorts a, Shorts b) {
  const auto before = reinterpret_cast<__m256i>(sum.v);
  return {reinterpret_cast<__v8si>(_mm256_dpwssd_epi32(before, a.v, b.v))};
}
inline Vec sums_float(HalfSums a) {
  return {_mm512_zextps256_ps512(_mm256_cvtepi32_ps(reinterpret_cast<__m256i>(a.v)))};
}

// Of sixteen channels the largest scale of n pages' keys, which is stored, as the power of two in it.
inline Vec power_of(__m128i scales) {
  const __m128i powers = _mm_and_si128(scales, _mm_set1_epi8(static_cast<char>(0xf8)));
  const __m512i exponents = _mm512_slli_epi32(_mm512_cvtepu8_epi32(powers), 20);
  return {_mm512_castsi512_ps(_mm512_add_epi32(exponents, _mm512_set1_epi32(107 << 23)))};
}
inline Vec power_of(const std::byte* scales) { return power_of(load_16(scales)); }
inline Vec largest_powers(const std::byte* const* keys, size_t n, size_t at, std::byte* largest) {
  __m128i top = load_16(keys[0] + at);
  for (size_t page = 1; page < n; ++page) top = _mm_max_epu8(top, load_16(keys[page] + at));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(largest), top);
  return power_of(top);
}
// 2^14 × a scale ÷ the power of two in the top, which is no smaller.
inline Shorts shorts_scale(const std::byte* scales, const std::byte* tops) {
  const __m256i scale = _mm256_cvtepu8_epi16(load_16(scales)), top = _mm256_cvtepu8_epi16(load_16(tops));
  const __m256i fraction = _mm256_and_si256(_mm256_slli_epi16(scale, 11), _mm256_set1_epi16(7 << 11));
  const __m256i shift = _mm256_sub_epi16(_mm256_srli_epi16(top, 3), _mm256_srli_epi16(scale, 3));
  return {_mm256_srlv_epi16(_mm256_or_si256(fraction, _mm256_set1_epi16(1 << 14)), shift)};
}

// Byte 0 of each lane, and byte 2.
constexpr __mmask64 kFirstOfPair = 0x1111111111111111, kSecondOfPair = 0x4444444444444444;
// In bytes 0 and 2 of lane i the number that lane i of `numbers` holds.
inline __m512i for_both(__m512i numbers) { return _mm512_or_si512(numbers, _mm512_slli_epi32(numbers, 16)); }
inline __m512i lane_numbers() {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

// The bits of sixteen packed codes, in each quarter of a line: a run of fewer is there twice.
template <KvTier tier>
inline __m512i load_run(const std::byte* p) {
  long long codes = 0;
  std::memcpy(&codes, p, kLanes * kv_bits(tier) / 8);
  return tier == KvTier::kInt2 ? _mm512_set1_epi32(static_cast<int>(codes)) : _mm512_set1_epi64(codes);
}
// Where a code of such a run begins, in bits; for both of a pair.
template <KvTier tier>
inline __m512i code_bits() {
  const __m512i lanes = lane_numbers();
  if constexpr (tier == KvTier::kInt2) return for_both(_mm512_slli_epi32(lanes, 1));
  const __m512i word = _mm512_slli_epi32(_mm512_and_si512(lanes, _mm512_set1_epi32(1)), 5);
  return for_both(_mm512_or_si512(word, _mm512_slli_epi32(_mm512_srli_epi32(lanes, 1), 2)));
}

// Lane i holds code i of two runs.
template <KvTier tier>
inline Ints pairs_of(const std::byte* first, const std::byte* second) {
  if constexpr (tier == KvTier::kInt8) {
    const __m512i at = for_both(lane_numbers());
    const __m512i low =
        _mm512_maskz_permutexvar_epi8(kFirstOfPair, at, _mm512_castsi128_si512(load_16(first)));
    return {_mm512_mask_permutexvar_epi8(low, kSecondOfPair, at, _mm512_castsi128_si512(load_16(second)))};
  } else {
    const __m512i at = code_bits<tier>();
    const __m512i low = _mm512_maskz_multishift_epi64_epi8(kFirstOfPair, at, load_run<tier>(first));
    const __m512i both = _mm512_mask_multishift_epi64_epi8(low, kSecondOfPair, at, load_run<tier>(second));
    return {_mm512_and_si512(both, _mm512_set1_epi32(((1 << kv_bits(tier)) - 1) * 0x10001))};
  }
}
// The same of runs i and i + 1 of a line.
template <KvTier tier>
inline Ints pairs_in(const std::byte* line, size_t i) {
  if constexpr (tier == KvTier::kInt8) {
    const auto run = static_cast<int>(i * kLanes);
    const __m512i at =
        _mm512_add_epi8(for_both(lane_numbers()), _mm512_set1_epi32((run + kLanes) << 16 | run));
    return {_mm512_maskz_permutexvar_epi8(kFirstOfPair | kSecondOfPair, at, _mm512_loadu_si512(line))};
  } else {
    const std::byte* first = line + i * kLanes * kv_bits(tier) / 8;
    return pairs_of<tier>(first, first + kLanes * kv_bits(tier) / 8);
  }
}

}  // namespace
}  // namespace phios

#include "drivers/model/native/attention_pairs_impl.h"

namespace phios {

const AttentionKernels kAttentionAvx512 = attention_table("avx512");

}  // namespace phios
