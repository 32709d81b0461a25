// The kernels, over whatever Vec the including file has chosen (simd_*.h). Everything here has internal
// linkage: each of the three files that include it compiles it for its own instruction set.
#pragma once

#include <cmath>
#include <cstring>

#include "drivers/model/native/kernels.h"

namespace phios {
namespace {

template <PackedType type>
struct Element {
  using Type = uint16_t;
};
template <>
struct Element<PackedType::kF32> {
  using Type = float;
};

template <PackedType type>
inline Vec load_weights(const typename Element<type>::Type* p) {
  if constexpr (type == PackedType::kF32)
    return vec_load(p);
  else if constexpr (type == PackedType::kF16)
    return vec_load_f16(p);
  else
    return vec_load_bf16(p);
}

// R rows × P panels of G neighbouring groups; `panels` is how many a group has (the stride of the inputs).
// Every output is one chain of fused multiply-adds over the inputs in order, whatever R, P and G are.
// Not inlined: alone, its accumulators stay in registers.
template <PackedType type, int R, int G, int P>
__attribute__((noinline)) void product_tile(const typename Element<type>::Type* w, size_t panels, size_t n_in,
                                            size_t column, const ProductRows& rows, size_t first_row) {
  Vec acc[R][G * P];
  for (int p = 0; p < G * P; ++p) {
    const Vec start = rows.bias ? vec_load(rows.bias + column + static_cast<size_t>(p) * kLanes) : vec_zero();
    for (int r = 0; r < R; ++r) acc[r][p] = start;
  }
  const float* x = rows.x + first_row * rows.x_stride;
  const size_t step = panels * kLanes;
  for (size_t k = 0; k < n_in; ++k, w += step) {
    const auto weights = [&](int i) {
      return load_weights<type>(w + static_cast<size_t>(i / P) * kGroup * n_in + i % P * kLanes);
    };
    const auto input = [&](int r) { return vec_set(x[static_cast<size_t>(r) * rows.x_stride + k]); };
    // Registers hold the smaller side, the other passes by.
    if constexpr (R <= G * P) {
      Vec in[R];
      for (int r = 0; r < R; ++r) in[r] = input(r);
      for (int i = 0; i < G * P; ++i) {
        const Vec weight = weights(i);
        for (int r = 0; r < R; ++r) acc[r][i] = vec_fma(in[r], weight, acc[r][i]);
      }
    } else {
      Vec weight[G * P];
      for (int i = 0; i < G * P; ++i) weight[i] = weights(i);
      for (int r = 0; r < R; ++r) {
        const Vec in = input(r);
        for (int i = 0; i < G * P; ++i) acc[r][i] = vec_fma(in, weight[i], acc[r][i]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    float* y = rows.y + (first_row + static_cast<size_t>(r)) * rows.y_stride + column;
    for (int p = 0; p < G * P; ++p, y += kLanes)
      vec_store(y, rows.add ? vec_add(vec_load(y), acc[r][p]) : acc[r][p]);
  }
}

// One group's panels for R rows, in steps of S panels, then one by one.
template <PackedType type, int R, int S>
void product_group(const typename Element<type>::Type* w, size_t panels, size_t n_in, size_t column,
                   const ProductRows& rows, size_t first_row) {
  size_t p = 0;
  for (; p + S <= panels; p += S)
    product_tile<type, R, 1, S>(w + p * kLanes, panels, n_in, column + p * kLanes, rows, first_row);
  for (; p < panels; ++p)
    product_tile<type, R, 1, 1>(w + p * kLanes, panels, n_in, column + p * kLanes, rows, first_row);
}

template <PackedType type, int R>
void product_rows(int n, const typename Element<type>::Type* w, size_t panels, size_t n_in, size_t column,
                  const ProductRows& rows, size_t first_row) {
  if constexpr (R > 1)
    if (n < R) return product_rows<type, R - 1>(n, w, panels, n_in, column, rows, first_row);
  product_group<type, R, tile_panels(R)>(w, panels, n_in, column, rows, first_row);
}

template <PackedType type, int R>
void product_wide(int n, const typename Element<type>::Type* w, size_t n_in, size_t column,
                  const ProductRows& rows) {
  if constexpr (R > 1)
    if (n < R) return product_wide<type, R - 1>(n, w, n_in, column, rows);
  product_tile<type, R, 2, static_cast<int>(kGroupPanels)>(w, kGroupPanels, n_in, column, rows, 0);
}

// How many tiles high a product of so many rows is: whole tiles of the largest height or of 4 rows if they
// come out even, else as even as can be (7 rows are 4 + 3, not 6 + 1).
inline size_t row_chunks(size_t rows, size_t largest) {
  if (rows % largest != 0 && rows % 4 == 0) return rows / 4;
  return (rows + largest - 1) / largest;
}

template <PackedType type>
void product_typed(const PackedMatrix& m, size_t first, size_t last, const ProductRows& rows) {
  const auto* w = static_cast<const typename Element<type>::Type*>(m.data);
  const size_t full = m.n_out / kGroup;  // groups of four panels
  size_t g = first;
  if constexpr (kWideRows > 0)
    if (rows.rows <= static_cast<size_t>(kWideRows))
      for (; g + 2 <= last && g + 2 <= full; g += 2)
        product_wide<type, kWideRows>(static_cast<int>(rows.rows), w + g * kGroup * m.n_in, m.n_in,
                                      g * kGroup, rows);
  const size_t chunks = row_chunks(rows.rows, type == PackedType::kF32 ? kTileRowsFloat : kTileRowsHalf);
  for (; g < last; ++g) {
    const size_t panels = m.panels(g);
    for (size_t c = 0; c < chunks; ++c) {
      const size_t row = rows.rows * c / chunks, end = rows.rows * (c + 1) / chunks;
      product_rows<type, kTileRowsHalf>(static_cast<int>(end - row), w + g * kGroup * m.n_in, panels, m.n_in,
                                        g * kGroup, rows, row);
    }
  }
}

void product(const PackedMatrix& m, size_t first, size_t last, const ProductRows& rows) {
  switch (m.type) {
    case PackedType::kF32:
      return product_typed<PackedType::kF32>(m, first, last, rows);
    case PackedType::kF16:
      return product_typed<PackedType::kF16>(m, first, last, rows);
    case PackedType::kBF16:
      return product_typed<PackedType::kBF16>(m, first, last, rows);
    default:
      return;
  }
}

void rope_head(float* x, size_t n_rot, const float* turn, bool neox) {
  const float* cosines = turn;
  const float* sines = turn + n_rot;
  if (!neox) {  // pairs of neighbours; the tables hold each angle twice, the sine's sign within
    size_t i = 0;
    for (; i + kLanes <= n_rot; i += kLanes) {
      const Vec v = vec_load(x + i);
      const Vec turned = vec_mul(vec_swap_pairs(v), vec_load(sines + i));
      vec_store(x + i, vec_fma(v, vec_load(cosines + i), turned));
    }
    for (; i < n_rot; i += 2) {
      const float a = x[i], b = x[i + 1];
      x[i] = a * cosines[i] + b * sines[i];
      x[i + 1] = b * cosines[i + 1] + a * sines[i + 1];
    }
    return;
  }
  const size_t half = n_rot / 2;  // element i with element i + half
  size_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Vec a = vec_load(x + i), b = vec_load(x + half + i);
    vec_store(x + i, vec_fma(a, vec_load(cosines + i), vec_mul(b, vec_load(sines + i))));
    vec_store(x + half + i, vec_fma(b, vec_load(cosines + half + i), vec_mul(a, vec_load(sines + half + i))));
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    x[i] = a * cosines[i] + b * sines[i];
    x[half + i] = b * cosines[half + i] + a * sines[half + i];
  }
}

void rope(float* x, size_t heads, size_t head_dim, size_t n_rot, const float* turn, bool neox) {
  for (size_t h = 0; h < heads; ++h) rope_head(x + h * head_dim, n_rot, turn, neox);
}

void rms_norm(const float* x, const float* w, float* y, size_t n, float eps) {
  Vec sums = vec_zero();
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) sums = vec_fma(vec_load(x + i), vec_load(x + i), sums);
  float total = vec_sum(sums);
  for (; i < n; ++i) total += x[i] * x[i];
  const float scale = 1.0f / __builtin_sqrtf(total / static_cast<float>(n) + eps);
  const Vec s = vec_set(scale);
  for (i = 0; i + kLanes <= n; i += kLanes)
    vec_store(y + i, vec_mul(vec_mul(vec_load(x + i), s), vec_load(w + i)));
  for (; i < n; ++i) y[i] = x[i] * scale * w[i];
}

inline Vec silu_times(Vec gate, Vec up) {
  const Vec e = vec_exp(vec_mul(gate, vec_set(-1.0f)));
  return vec_mul(vec_div(gate, vec_add(e, vec_set(1.0f))), up);
}

// gate × (1 + tanh(√(2/π) (gate + 0.044715 gate³))) / 2, and (1 + tanh(y)) / 2 = 1 / (1 + e^(-2y)).
inline Vec gelu_times(Vec gate, Vec up) {
  constexpr float kMinusTwice = -2.0f * 0.7978845608028654f;
  const Vec square = vec_mul(gate, gate);
  const Vec cubic = vec_fma(square, vec_set(kMinusTwice * 0.044715f), vec_set(kMinusTwice));
  const Vec e = vec_exp(vec_mul(cubic, gate));
  return vec_mul(vec_div(gate, vec_add(e, vec_set(1.0f))), up);
}

template <Vec (*gated)(Vec, Vec)>
void gate_rows(float* gate, const float* up, size_t n) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) vec_store(gate + i, gated(vec_load(gate + i), vec_load(up + i)));
  if (i == n) return;
  float g[kLanes] = {}, u[kLanes] = {};
  std::memcpy(g, gate + i, (n - i) * sizeof(float));
  std::memcpy(u, up + i, (n - i) * sizeof(float));
  vec_store(g, gated(vec_load(g), vec_load(u)));
  std::memcpy(gate + i, g, (n - i) * sizeof(float));
}

void swiglu(float* gate, const float* up, size_t n) { gate_rows<silu_times>(gate, up, n); }
void geglu(float* gate, const float* up, size_t n) { gate_rows<gelu_times>(gate, up, n); }

void to_f16(const float* x, uint16_t* y, size_t n) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) vec_store_f16(y + i, vec_load(x + i));
  if (i == n) return;
  float in[kLanes] = {};
  uint16_t out[kLanes];
  std::memcpy(in, x + i, (n - i) * sizeof(float));
  vec_store_f16(out, vec_load(in));
  std::memcpy(y + i, out, (n - i) * sizeof(uint16_t));
}

constexpr Kernels kernel_table(std::string_view name) {
  return {.name = name,
          .product = product,
          .rope = rope,
          .rms_norm = rms_norm,
          .swiglu = swiglu,
          .geglu = geglu,
          .to_f16 = to_f16};
}

}  // namespace
}  // namespace phios
