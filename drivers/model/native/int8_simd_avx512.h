// Bytes and Ints: 64 quants and 16 sums in AVX-512 registers, with VNNI's dot product. Included by
// int8_avx512vnni.cc alone, after simd_avx512.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace phios {
namespace {

// 6 rows × 2 panels of integer sums and as many of floats: 24 of 32 registers.
constexpr int kPairRows = 6, kPairPanels = 2;
constexpr int kNarrowRows = 2;             // that take four panels at once
constexpr size_t kDirectRows = 12;         // beyond, unpacking once pays
constexpr bool kUnpacksForNothing = true;  // nibbles: on ports that the dot products leave idle
constexpr bool kSignedBytes = false;       // the dot product's weights are unsigned

struct Bytes {
  __m512i v;
};
struct Ints {
  __m512i v;
};

inline Bytes bytes_load(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
inline void bytes_store(uint8_t* p, Bytes a) { _mm512_storeu_si512(p, a.v); }
inline Bytes bytes_low_nibbles(Bytes a) { return {_mm512_and_si512(a.v, _mm512_set1_epi8(15))}; }
inline Bytes bytes_high_nibbles(Bytes a) {
  return {_mm512_and_si512(_mm512_srli_epi16(a.v, 4), _mm512_set1_epi8(15))};
}
inline Bytes bytes_with_fifth(Bytes low, const uint8_t* mask) {
  const __mmask64 set = _load_mask64(reinterpret_cast<__mmask64*>(const_cast<uint8_t*>(mask)));
  return {_mm512_mask_add_epi8(low.v, set, low.v, _mm512_set1_epi8(16))};
}
// Bits shift and shift + 1 of `upper` become bits 4 and 5.
template <int shift>
inline Bytes bytes_with_upper(Bytes low, Bytes upper) {
  const __m512i moved =
      shift < 4 ? _mm512_slli_epi16(upper.v, 4 - shift) : _mm512_srli_epi16(upper.v, shift - 4);
  return {_mm512_or_si512(low.v, _mm512_and_si512(moved, _mm512_set1_epi8(0x30)))};
}

inline Ints ints_set(int32_t x) { return {_mm512_set1_epi32(x)}; }
template <int shift>
inline Ints ints_left(Ints a) {
  return {_mm512_slli_epi32(a.v, shift)};
}
inline Ints ints_right(Ints a, int shift) { return {_mm512_srl_epi32(a.v, _mm_cvtsi32_si128(shift))}; }
inline Ints ints_and(Ints a, int32_t mask) { return {_mm512_and_si512(a.v, _mm512_set1_epi32(mask))}; }
inline Ints ints_or(Ints a, Ints b) { return {_mm512_or_si512(a.v, b.v)}; }
inline __m128i sixteen(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline Ints ints_load_u8(const uint8_t* p) { return {_mm512_cvtepu8_epi32(sixteen(p))}; }
inline Ints ints_load_i8(const uint8_t* p) { return {_mm512_cvtepi8_epi32(sixteen(p))}; }
inline Vec ints_to_vec(Ints a) { return {_mm512_cvtepi32_ps(a.v)}; }
// Adds to each sum four weights × the four inputs in x.
template <int bits>
inline Ints ints_dot(Ints sum, Bytes weights, int32_t x) {
  return {_mm512_dpbusd_epi32(sum.v, weights.v, _mm512_set1_epi32(x))};
}

inline Ints ints_round(Vec a) { return {_mm512_cvtps_epi32(a.v)}; }
inline void ints_store_i8(int8_t* p, Ints a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(a.v));
}
inline int32_t ints_sum(Ints a) { return _mm512_reduce_add_epi32(a.v); }

}  // namespace
}  // namespace phios
