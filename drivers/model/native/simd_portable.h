// Vec: 16 floats in an array, for processors without AVX2. Included by kernels_portable.cc alone, before
// kernels_impl.h.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernel/base/half.h"

namespace phios {
namespace {

constexpr int kTileRowsFloat = 1, kTileRowsHalf = 1;
constexpr int tile_panels(int) { return 1; }
constexpr int kWideRows = 0;
constexpr int kVecLanes = 16;

struct Vec {
  float v[kVecLanes];
};

template <class F>
Vec vec_each(F f) {
  Vec out;
  for (int i = 0; i < kVecLanes; ++i) out.v[i] = f(i);
  return out;
}

inline Vec vec_zero() {
  return vec_each([](int) { return 0.0f; });
}
inline Vec vec_set(float x) {
  return vec_each([&](int) { return x; });
}
inline Vec vec_load(const float* p) {
  return vec_each([&](int i) { return p[i]; });
}
inline void vec_store(float* p, const Vec& a) {
  for (int i = 0; i < kVecLanes; ++i) p[i] = a.v[i];
}
inline Vec vec_load_f16(const uint16_t* p) {
  return vec_each([&](int i) { return f16_to_f32(p[i]); });
}
inline Vec vec_load_bf16(const uint16_t* p) {
  return vec_each([&](int i) { return bf16_to_f32(p[i]); });
}
inline void vec_store_f16(uint16_t* p, const Vec& a) {
  for (int i = 0; i < kVecLanes; ++i) p[i] = f32_to_f16(a.v[i]);
}
inline Vec vec_fma(const Vec& a, const Vec& b, const Vec& c) {
  return vec_each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}
inline Vec vec_add(const Vec& a, const Vec& b) {
  return vec_each([&](int i) { return a.v[i] + b.v[i]; });
}
inline Vec vec_mul(const Vec& a, const Vec& b) {
  return vec_each([&](int i) { return a.v[i] * b.v[i]; });
}
inline Vec vec_div(const Vec& a, const Vec& b) {
  return vec_each([&](int i) { return a.v[i] / b.v[i]; });
}
inline Vec vec_swap_pairs(const Vec& a) {
  return vec_each([&](int i) { return a.v[i ^ 1]; });
}
inline float vec_sum(const Vec& a) {
  float sum = 0;
  for (const float x : a.v) sum += x;
  return sum;
}
inline Vec vec_larger(const Vec& a, const Vec& b) {
  return vec_each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline float vec_max(const Vec& a) {
  float peak = a.v[0];
  for (const float x : a.v) peak = x > peak ? x : peak;
  return peak;
}
// Lanes from n on become `fill`.
inline Vec vec_keep(const Vec& a, unsigned n, float fill) {
  return vec_each([&](int i) { return static_cast<unsigned>(i) < n ? a.v[i] : fill; });
}
inline Vec vec_exp(const Vec& a) {
  return vec_each([&](int i) { return std::exp(a.v[i]); });
}
// Lane j of the result is the sum of a[j]'s lanes.
inline Vec vec_sums(const Vec (&a)[kVecLanes]) {
  return vec_each([&](int j) { return vec_sum(a[j]); });
}

}  // namespace
}  // namespace phios
