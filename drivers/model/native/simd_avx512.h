// Vec: 16 floats in one AVX-512 register. Included by kernels_avx512.cc alone, before kernels_impl.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace phios {
namespace {

// 6 rows × 4 panels of accumulators, 4 weights, 1 input: 29 of 32 registers.
constexpr int kTileRowsFloat = 6, kTileRowsHalf = 6;
constexpr int tile_panels(int) { return 4; }
// Up to this many rows two groups are taken at once: enough chains to hide latency.
constexpr int kWideRows = 3;

struct Vec {
  __m512 v;
};

inline Vec vec_zero() { return {_mm512_setzero_ps()}; }
inline Vec vec_set(float x) { return {_mm512_set1_ps(x)}; }
inline Vec vec_load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void vec_store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline Vec vec_load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline Vec vec_load_bf16(const uint16_t* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}
inline void vec_store_f16(uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}
inline Vec vec_fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec vec_add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec vec_mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec vec_div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec vec_swap_pairs(Vec a) { return {_mm512_permute_ps(a.v, 0xb1)}; }  // lanes 1, 0, 3, 2, …
inline float vec_sum(Vec a) { return _mm512_reduce_add_ps(a.v); }
inline Vec vec_larger(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Vec vec_abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
inline float vec_max(Vec a) { return _mm512_reduce_max_ps(a.v); }
// Lanes from n on become `fill`.
inline Vec vec_keep(Vec a, unsigned n, float fill) {
  return {_mm512_mask_mov_ps(_mm512_set1_ps(fill), static_cast<__mmask16>((1u << n) - 1), a.v)};
}

// e^x to about an ulp, 0 below -104. Cephes' polynomial.
inline Vec vec_exp(Vec x) {
  const __m512 clamped = _mm512_max_ps(x.v, _mm512_set1_ps(-104.0f));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(clamped, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), clamped);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1.0f));
  const __mmask16 seen = _mm512_cmp_ps_mask(x.v, _mm512_set1_ps(-104.0f), _CMP_GT_OQ);
  return {_mm512_maskz_scalef_ps(seen, p, n)};
}

// Four rounds of this over 16 vectors sum up each vector's lanes: pairs of neighbours of (a, b), a0+a1,
// b0+b1, a2+a3, b2+b3 in each quarter.
inline __m512 add_pairs_of(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}
inline __m512 add_quarters_of(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

// Lane j of the result is the sum of a[j]'s lanes.
inline Vec vec_sums(const Vec (&a)[16]) {
  // After two rounds, quarter q of s[i] holds in lane t the sum of quarter q of vector 4i + t.
  __m512 s[4];
  for (int i = 0; i < 4; ++i)
    s[i] =
        add_pairs_of(add_pairs_of(a[4 * i].v, a[4 * i + 1].v), add_pairs_of(a[4 * i + 2].v, a[4 * i + 3].v));
  return {add_quarters_of(add_quarters_of(s[0], s[1]), add_quarters_of(s[2], s[3]))};
}

}  // namespace
}  // namespace phios
