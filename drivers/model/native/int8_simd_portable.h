// Bytes and Ints in arrays, for processors without AVX2. Included by int8_portable.cc alone, after
// simd_portable.h.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace phios {
namespace {

constexpr int kPairRows = 1, kPairPanels = 1;
constexpr int kNarrowRows = 0;
constexpr size_t kDirectRows = 1;
constexpr bool kUnpacksForNothing = false;
constexpr bool kSignedBytes = false;
constexpr int kByteLanes = 64;

struct Bytes {
  uint8_t v[kByteLanes];
};
struct Ints {
  int32_t v[kVecLanes];
};

template <class F>
Bytes bytes_each(F f) {
  Bytes out;
  for (int i = 0; i < kByteLanes; ++i) out.v[i] = static_cast<uint8_t>(f(i));
  return out;
}
template <class F>
Ints ints_each(F f) {
  Ints out;
  for (int i = 0; i < kVecLanes; ++i) out.v[i] = f(i);
  return out;
}

inline Bytes bytes_load(const uint8_t* p) {
  return bytes_each([&](int i) { return p[i]; });
}
inline void bytes_store(uint8_t* p, const Bytes& a) { std::memcpy(p, a.v, sizeof a.v); }
inline Bytes bytes_low_nibbles(const Bytes& a) {
  return bytes_each([&](int i) { return a.v[i] & 15; });
}
inline Bytes bytes_high_nibbles(const Bytes& a) {
  return bytes_each([&](int i) { return a.v[i] >> 4; });
}
inline Bytes bytes_with_fifth(const Bytes& low, const uint8_t* mask) {
  return bytes_each([&](int i) { return low.v[i] | ((mask[i / 8] >> (i % 8)) & 1) << 4; });
}
// Bits shift and shift + 1 of `upper` become bits 4 and 5.
template <int shift>
inline Bytes bytes_with_upper(const Bytes& low, const Bytes& upper) {
  return bytes_each([&](int i) { return low.v[i] | ((upper.v[i] >> shift) & 3) << 4; });
}

inline Ints ints_set(int32_t x) {
  return ints_each([&](int) { return x; });
}
template <int shift>
inline Ints ints_left(const Ints& a) {
  return ints_each([&](int i) { return a.v[i] * (1 << shift); });
}
inline Ints ints_right(const Ints& a, int shift) {
  return ints_each([&](int i) { return a.v[i] >> shift; });
}
inline Ints ints_and(const Ints& a, int32_t mask) {
  return ints_each([&](int i) { return a.v[i] & mask; });
}
inline Ints ints_or(const Ints& a, const Ints& b) {
  return ints_each([&](int i) { return a.v[i] | b.v[i]; });
}
inline Ints ints_load_u8(const uint8_t* p) {
  return ints_each([&](int i) { return int32_t{p[i]}; });
}
inline Ints ints_load_i8(const uint8_t* p) {
  return ints_each([&](int i) { return int32_t{static_cast<int8_t>(p[i])}; });
}
inline Vec ints_to_vec(const Ints& a) {
  return vec_each([&](int i) { return static_cast<float>(a.v[i]); });
}
// Adds to each sum four weights × the four inputs in x.
template <int bits>
inline Ints ints_dot(const Ints& sum, const Bytes& weights, int32_t x) {
  int8_t in[4];
  std::memcpy(in, &x, sizeof in);
  return ints_each([&](int i) {
    int32_t out = sum.v[i];
    for (int t = 0; t < 4; ++t) out += weights.v[4 * i + t] * in[t];
    return out;
  });
}

inline Vec vec_abs(const Vec& a) {
  return vec_each([&](int i) { return std::fabs(a.v[i]); });
}
inline Ints ints_round(const Vec& a) {
  // What is no number becomes a bound, not an overflow.
  return ints_each([&](int i) {
    const float clamped = a.v[i] > -127.0f ? (a.v[i] < 127.0f ? a.v[i] : 127.0f) : -127.0f;
    return static_cast<int32_t>(std::nearbyint(clamped));
  });
}
inline void ints_store_i8(int8_t* p, const Ints& a) {
  for (int i = 0; i < kVecLanes; ++i) p[i] = static_cast<int8_t>(a.v[i]);
}
inline int32_t ints_sum(const Ints& a) {
  int32_t sum = 0;
  for (const int32_t x : a.v) sum += x;
  return sum;
}

}  // namespace
}  // namespace phios
