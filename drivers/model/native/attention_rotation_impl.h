// The kernels that rotate a head, as rotate_head() of the codec does. As attention_impl.h, over whatever Vec
// the including file has chosen.
#pragma once

#include <cmath>
#include <cstddef>

#include "drivers/model/native/attention_kernels.h"
#include "mm/codec.h"

namespace phios {
namespace {

// Lane i of the result is x[i] + x[i + half] or, where i has the bit, x[i - half] - x[i].
template <int half>
inline Vec rotate_lanes(Vec x) {
  float signs[kLanes];
  for (size_t i = 0; i < kLanes; ++i) signs[i] = (i & half) == 0 ? 1.0f : -1.0f;
  return vec_fma(x, vec_load(signs), vec_swap<half>(x));
}

// out = x M for D vectors of it.
template <int D>
inline void multiply_columns(const float* x, const float* matrix, size_t dim, float* out) {
  Vec acc[D];
  for (Vec& a : acc) a = vec_zero();
  for (size_t c = 0; c < dim; ++c, matrix += dim)
    for (int d = 0; d < D; ++d) acc[d] = vec_fma(vec_set(x[c]), vec_load(matrix + d * kLanes), acc[d]);
  for (int d = 0; d < D; ++d) vec_store(out + d * kLanes, acc[d]);
}

void multiply(const float* x, const float* matrix, size_t dim, float* out) {
  constexpr size_t kColumns = 4 * kLanes;
  size_t at = 0;
  for (; at + kColumns <= dim; at += kColumns) multiply_columns<4>(x, matrix + at, dim, out + at);
  for (; at < dim; at += kLanes) multiply_columns<1>(x, matrix + at, dim, out + at);
}

void spread(const float* x, size_t dim, float* out) {
  const size_t block = rotation_block(dim);
  const Vec norm = vec_set(1.0f / std::sqrt(static_cast<float>(block)));
  for (size_t i = 0; i < dim; i += kLanes)
    vec_store(
        out + i,
        vec_mul(rotate_lanes<8>(rotate_lanes<4>(rotate_lanes<2>(rotate_lanes<1>(vec_load(x + i))))), norm));
  for (size_t half = kLanes; half < block; half *= 2)
    for (size_t i = 0; i < dim; i += kLanes) {
      if ((i & half) != 0) continue;
      const Vec a = vec_load(out + i), b = vec_load(out + i + half);
      vec_store(out + i, vec_add(a, b));
      vec_store(out + i + half, vec_fma(b, vec_set(-1.0f), a));
    }
}

void rotate(const float* x, const float* matrix, size_t dim, float* out) {
  if (matrix)
    multiply(x, matrix, dim, out);
  else
    spread(x, dim, out);
}

}  // namespace
}  // namespace phios
