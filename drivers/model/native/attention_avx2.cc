#include "drivers/model/native/simd_avx2.h"
// The kernels come after the Vec that they are written over.
#include <cstring>

#include "drivers/model/native/attention_kernels.h"

namespace phios {
namespace {

template <KvTier>
constexpr bool kByPairs = false;
constexpr int kTileQueries = 2, kTilePages = 2, kTileVectors = 1;

inline __m128i load_8(const std::byte* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }
inline Vec vec_load_u8(const std::byte* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_8(p))),
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_8(p + 8)))};
}
inline Vec vec_load_i8(const std::byte* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_8(p))),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_8(p + 8)))};
}
inline Vec vec_load_scale(const std::byte* p) {
  const auto half = [](const std::byte* at) {
    const __m256i scale = _mm256_slli_epi32(_mm256_cvtepu8_epi32(load_8(at)), 20);
    return _mm256_castsi256_ps(_mm256_add_epi32(scale, _mm256_set1_epi32(107 << 23)));
  };
  return {half(p), half(p + 8)};
}
inline __m256 take_bits(__m256i words, __m256i shifts, int mask) {
  return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srlv_epi32(words, shifts), _mm256_set1_epi32(mask)));
}
inline Vec vec_load_u4(const std::byte* p) {
  long long both;
  std::memcpy(&both, p, sizeof both);
  const __m256i words = _mm256_set1_epi64x(both);
  return {take_bits(words, _mm256_setr_epi32(0, 0, 4, 4, 8, 8, 12, 12), 15),
          take_bits(words, _mm256_setr_epi32(16, 16, 20, 20, 24, 24, 28, 28), 15)};
}
inline Vec vec_load_u2(const std::byte* p) {
  int word;
  std::memcpy(&word, p, sizeof word);
  const __m256i words = _mm256_set1_epi32(word);
  return {take_bits(words, _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14), 3),
          take_bits(words, _mm256_setr_epi32(16, 18, 20, 22, 24, 26, 28, 30), 3)};
}

template <KvTier tier>
inline Vec load_packed(const std::byte* p) {
  static_assert(tier != KvTier::kF16);
  if constexpr (tier == KvTier::kInt8) return vec_load_u8(p);
  if constexpr (tier == KvTier::kInt4) return vec_load_u4(p);
  if constexpr (tier == KvTier::kInt2) return vec_load_u2(p);
}

// Lane i becomes lane i ^ half.
template <int half>
inline Vec vec_swap(Vec a) {
  if constexpr (half == 1) return {_mm256_permute_ps(a.lo, 0xb1), _mm256_permute_ps(a.hi, 0xb1)};
  if constexpr (half == 2) return {_mm256_permute_ps(a.lo, 0x4e), _mm256_permute_ps(a.hi, 0x4e)};
  if constexpr (half == 4)
    return {_mm256_permute2f128_ps(a.lo, a.lo, 1), _mm256_permute2f128_ps(a.hi, a.hi, 1)};
  if constexpr (half == 8) return {a.hi, a.lo};
}

inline __m256 exp2_half(__m256 x) {
  const __m256 least = _mm256_set1_ps(-126.0f);
  const __m256 clamped = _mm256_max_ps(x, least);
  const __m256 n = _mm256_round_ps(clamped, 0);
  const __m256 r = _mm256_sub_ps(clamped, n);
  __m256 p = _mm256_set1_ps(1.535336188319500e-4f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.339887440266574e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(9.618437357674640e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.550332471162809e-2f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(2.402264791363012e-1f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(6.931472028550421e-1f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  const __m256i power = _mm256_slli_epi32(_mm256_cvtps_epi32(_mm256_add_ps(n, _mm256_set1_ps(127.0f))), 23);
  return _mm256_and_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(power)), _mm256_cmp_ps(x, least, _CMP_GT_OQ));
}
// 2^x to about two ulps, 0 from -126 down; x is at most 127. Cephes' polynomial.
inline Vec vec_exp2(Vec x) { return {exp2_half(x.lo), exp2_half(x.hi)}; }

}  // namespace
}  // namespace phios

#include "drivers/model/native/attention_impl.h"

namespace phios {

const AttentionKernels kAttentionAvx2 = attention_table("avx2");

}  // namespace phios
