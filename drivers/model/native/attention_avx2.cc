#include "drivers/model/native/simd_avx2.h"
// The kernels come after the Vec that they are written over.
#include <cstring>

#include "drivers/model/native/attention_kernels.h"

namespace phios {
namespace {

constexpr int kTileQueries = 2, kTilePages = 2, kTileVectors = 2;

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

}  // namespace
}  // namespace phios

#include "drivers/model/native/attention_impl.h"

namespace phios {

const AttentionKernels kAttentionAvx2 = {.name = "avx2",
                                         .attend = attend,
                                         .merge = merge,
                                         .finish = finish,
                                         .rotate = rotate,
                                         .key_ranges = key_ranges};

}  // namespace phios
