// Bytes and Ints: 64 quants and 16 sums in pairs of AVX2 registers. Included by int8_avx2.cc and
// int8_avxvnni.cc alone, after simd_avx2.h; the latter has a dot product that takes any weights.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace phios {
namespace {

// 2 rows × 1 panel: 8 of 16 registers.
constexpr int kPairRows = 2, kPairPanels = 1;
constexpr int kNarrowRows = 0;
constexpr size_t kDirectRows = 2;
constexpr bool kUnpacksForNothing = false;
#if defined(__AVXVNNI__)
constexpr bool kSignedBytes = false;
#else
constexpr bool kSignedBytes = true;  // of 8 bits; fewer are unsigned
#endif

struct Bytes {
  __m256i lo, hi;
};
struct Ints {
  __m256i lo, hi;
};

template <class T>
inline T both(T a, auto f) {
  return {f(a.lo), f(a.hi)};
}
inline __m256i load_256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline Bytes bytes_load(const uint8_t* p) { return {load_256(p), load_256(p + 32)}; }
inline void bytes_store(uint8_t* p, Bytes a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.lo);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), a.hi);
}
inline Bytes bytes_low_nibbles(Bytes a) {
  return both(a, [](__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); });
}
inline Bytes bytes_high_nibbles(Bytes a) {
  return both(a, [](__m256i v) { return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15)); });
}
// 16 where the bit is set: each byte looks at its bit of the mask's byte.
inline __m256i fifth_bits(const uint8_t* mask) {
  int32_t bits;
  __builtin_memcpy(&bits, mask, sizeof bits);
  const __m256i place = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201ULL));
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), place);
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
  return _mm256_and_si256(set, _mm256_set1_epi8(16));
}
inline Bytes bytes_with_fifth(Bytes low, const uint8_t* mask) {
  return {_mm256_or_si256(low.lo, fifth_bits(mask)), _mm256_or_si256(low.hi, fifth_bits(mask + 4))};
}
// Bits shift and shift + 1 of `upper` become bits 4 and 5.
template <int shift>
inline __m256i upper_bits(__m256i upper) {
  const __m256i moved = shift < 4 ? _mm256_slli_epi16(upper, 4 - shift) : _mm256_srli_epi16(upper, shift - 4);
  return _mm256_and_si256(moved, _mm256_set1_epi8(0x30));
}
template <int shift>
inline Bytes bytes_with_upper(Bytes low, Bytes upper) {
  return {_mm256_or_si256(low.lo, upper_bits<shift>(upper.lo)),
          _mm256_or_si256(low.hi, upper_bits<shift>(upper.hi))};
}

inline Ints ints_set(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
template <int shift>
inline Ints ints_left(Ints a) {
  return both(a, [](__m256i v) { return _mm256_slli_epi32(v, shift); });
}
inline Ints ints_right(Ints a, int shift) {
  return both(a, [&](__m256i v) { return _mm256_srl_epi32(v, _mm_cvtsi32_si128(shift)); });
}
inline Ints ints_and(Ints a, int32_t mask) {
  return both(a, [&](__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi32(mask)); });
}
inline Ints ints_or(Ints a, Ints b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
inline __m128i eight(const uint8_t* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }
inline Ints ints_load_u8(const uint8_t* p) {
  return {_mm256_cvtepu8_epi32(eight(p)), _mm256_cvtepu8_epi32(eight(p + 8))};
}
inline Ints ints_load_i8(const uint8_t* p) {
  return {_mm256_cvtepi8_epi32(eight(p)), _mm256_cvtepi8_epi32(eight(p + 8))};
}
inline Vec ints_to_vec(Ints a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }

#if defined(__AVXVNNI__)
template <int bits>
inline __m256i dot_half(__m256i sum, __m256i weights, __m256i x) {
  return _mm256_dpbusd_avx_epi32(sum, weights, x);
}
#else
// Pairs are summed up in 16 bits: below 7 bits of weight they fit; of 8 the weights go in with their sign,
// and 128 × 127 × 2 fits as well.
template <int bits>
inline __m256i dot_half(__m256i sum, __m256i weights, __m256i x) {
  __m256i pairs;
  if constexpr (bits == 8) {
    const __m256i plain = _mm256_xor_si256(weights, _mm256_set1_epi8(-128));
    pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(plain), _mm256_sign_epi8(x, plain));
  } else {
    pairs = _mm256_maddubs_epi16(weights, x);
  }
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif
// Adds to each sum four weights × the four inputs in x.
template <int bits>
inline Ints ints_dot(Ints sum, Bytes weights, int32_t x) {
  const __m256i four = _mm256_set1_epi32(x);
  return {dot_half<bits>(sum.lo, weights.lo, four), dot_half<bits>(sum.hi, weights.hi, four)};
}

inline Vec vec_abs(Vec a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
inline Ints ints_round(Vec a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }
inline __m128i narrow(__m256i a) {  // 8 ints to 8 shorts
  return _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
}
inline void ints_store_i8(int8_t* p, Ints a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(narrow(a.lo), narrow(a.hi)));
}
inline int32_t ints_sum(Ints a) {
  const __m256i eight_sums = _mm256_add_epi32(a.lo, a.hi);
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight_sums), _mm256_extracti128_si256(eight_sums, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

}  // namespace
}  // namespace phios
