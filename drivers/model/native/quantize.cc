// The way into ggml's blocks: scales of the least squared error, among some around the one that just holds
// the largest value; for each the codes are rounded, and then the scale that suits those codes best is
// computed.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "drivers/model/native/quant.h"
#include "drivers/model/native/quant_blocks.h"
#include "kernel/base/half.h"

namespace phios {

namespace {

constexpr int kTries = 4;          // scales on each side of the first
constexpr float kTryStep = 0.25f;  // of a code, between them
constexpr size_t kHalfBlock = 16;  // elements of Q6_K that share a scale
constexpr size_t kBlocks = kSuperBlock / kBlock;
constexpr float kSixBitsMax = 63;

int code(float x, float step, int low, int high) {
  if (step == 0) return 0;
  const float nearest = std::nearbyint(x / step);
  if (nearest >= static_cast<float>(high)) return high;
  return nearest > static_cast<float>(low) ? static_cast<int>(nearest) : low;
}

// x ≈ step × code, code from low to -low - 1.
float fit(std::span<const float> x, int low) {
  float peak = 0;  // the value of the largest magnitude, with its sign: it becomes the lowest code
  for (const float v : x)
    if (std::fabs(v) > std::fabs(peak)) peak = v;
  if (peak == 0) return 0;
  float best = peak / static_cast<float>(low);
  double gained = 0;  // of the squares' sum
  for (int t = -kTries; t <= kTries; ++t) {
    const float step = peak / (static_cast<float>(low) + kTryStep * static_cast<float>(t));
    double xq = 0, qq = 0;
    for (const float v : x) {
      const int q = code(v, step, low, -low - 1);
      xq += double{v} * q;
      qq += double{1} * q * q;
    }
    if (qq == 0 || xq * xq <= gained * qq) continue;
    gained = xq * xq / qq;
    best = static_cast<float>(xq / qq);
  }
  return best;
}

// x ≈ step × code - min, code from 0 to `high`; min is not below zero unless any_min.
struct Affine {
  float step = 0, min = 0;
};

Affine fit_affine(std::span<const float> x, int high, bool any_min) {
  const auto [least, most] = std::ranges::minmax(x);
  const float low = any_min ? least : std::min(least, 0.0f);
  Affine best{.step = std::max(most - low, 0.0f) / static_cast<float>(high), .min = -low};
  if (best.step == 0) return best;
  const auto n = static_cast<double>(x.size());
  double sum_x = 0, sum_xx = 0, smallest = HUGE_VAL;
  for (const float v : x) sum_x += double{v}, sum_xx += double{v} * double{v};
  for (int t = -kTries; t <= kTries; ++t) {
    const float step = (most - low) / (static_cast<float>(high) + kTryStep * static_cast<float>(t));
    double q1 = 0, q2 = 0, xq = 0;
    for (const float v : x) {
      const int q = code(v - low, step, 0, high);
      q1 += q, q2 += double{1} * q * q, xq += double{v} * q;
    }
    const double det = n * q2 - q1 * q1;
    if (det <= 0) continue;
    double a = (n * xq - q1 * sum_x) / det, b = (q2 * sum_x - q1 * xq) / det;
    if (b > 0 && !any_min) a = xq / q2, b = 0;
    const double error = sum_xx + a * a * q2 + n * b * b + 2 * a * b * q1 - 2 * a * xq - 2 * b * sum_x;
    if (a <= 0 || error >= smallest) continue;
    smallest = error;
    best = {.step = static_cast<float>(a), .min = static_cast<float>(-b)};
  }
  return best;
}

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
  const auto* p = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), p, p + sizeof value);
}

void put_nibbles(const uint8_t (&codes)[kBlock], uint8_t* qs) {
  for (size_t j = 0; j < kBlock / 2; ++j)
    qs[j] = static_cast<uint8_t>((codes[j] & 15) | (codes[j + kBlock / 2] & 15) << 4);
}

void put_fifth_bits(const uint8_t (&codes)[kBlock], uint8_t (&qh)[4]) {
  uint32_t bits = 0;
  for (size_t j = 0; j < kBlock; ++j) bits |= static_cast<uint32_t>(codes[j] >> 4) << j;
  std::memcpy(qh, &bits, sizeof bits);
}

// Q4_0, Q5_0
template <class Block, int low>
void pack_symmetric(std::span<const float> x, std::vector<std::byte>& out) {
  Block block{};
  block.d = f32_to_f16(fit(x, low));
  const float d = f16_to_f32(block.d);
  uint8_t codes[kBlock];
  for (size_t j = 0; j < kBlock; ++j) codes[j] = static_cast<uint8_t>(code(x[j], d, low, -low - 1) - low);
  put_nibbles(codes, block.qs);
  if constexpr (requires { block.qh; }) put_fifth_bits(codes, block.qh);
  append(out, block);
}

// Q4_1, Q5_1
template <class Block, int high>
void pack_affine(std::span<const float> x, std::vector<std::byte>& out) {
  const Affine found = fit_affine(x, high, true);
  Block block{};
  block.d = f32_to_f16(found.step);
  block.m = f32_to_f16(-found.min);
  const float d = f16_to_f32(block.d), m = f16_to_f32(block.m);
  uint8_t codes[kBlock];
  for (size_t j = 0; j < kBlock; ++j) codes[j] = static_cast<uint8_t>(code(x[j] - m, d, 0, high));
  put_nibbles(codes, block.qs);
  if constexpr (requires { block.qh; }) put_fifth_bits(codes, block.qh);
  append(out, block);
}

void pack_q8_0(std::span<const float> x, std::vector<std::byte>& out) {
  float peak = 0;
  for (const float v : x) peak = std::max(peak, std::fabs(v));
  const float d = peak / 127.0f;
  BlockQ8_0 block{.d = f32_to_f16(d), .qs = {}};
  for (size_t j = 0; j < kBlock; ++j) block.qs[j] = static_cast<int8_t>(code(x[j], d, -127, 127));
  append(out, block);
}

// Entry j of SixBits.
void put_six_bits(uint8_t (&packed)[12], size_t j, uint8_t scale, uint8_t min) {
  if (j < 4) {
    packed[j] |= scale;
    packed[j + 4] |= min;
  } else {
    packed[j + 4] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
    packed[j - 4] |= static_cast<uint8_t>(scale >> 4 << 6);
    packed[j] |= static_cast<uint8_t>(min >> 4 << 6);
  }
}

// Q4_K, Q5_K: of each block a scale and a minimum, in six bits of the largest of the eight.
template <class Block, int high>
void pack_k(std::span<const float> x, std::vector<std::byte>& out) {
  Affine found[kBlocks];
  float step = 0, min = 0;
  for (size_t b = 0; b < kBlocks; ++b) {
    found[b] = fit_affine(x.subspan(b * kBlock, kBlock), high, false);
    step = std::max(step, found[b].step);
    min = std::max(min, found[b].min);
  }
  Block block{};
  block.d = f32_to_f16(step / kSixBitsMax);
  block.dmin = f32_to_f16(min / kSixBitsMax);
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (size_t b = 0; b < kBlocks; ++b) {
    const int scale = code(found[b].step, d, 0, 63), offset = code(found[b].min, dmin, 0, 63);
    put_six_bits(block.scales, b, static_cast<uint8_t>(scale), static_cast<uint8_t>(offset));
    const float own = d * static_cast<float>(scale), base = dmin * static_cast<float>(offset);
    for (size_t l = 0; l < kBlock; ++l) {
      const int q = code(x[b * kBlock + l] + base, own, 0, high);
      block.qs[b / 2 * kBlock + l] |= static_cast<uint8_t>((q & 15) << (b % 2 * 4));
      if constexpr (requires { block.qh; }) block.qh[l] |= static_cast<uint8_t>(q >> 4 << b);
    }
  }
  append(out, block);
}

void pack_q6_k(std::span<const float> x, std::vector<std::byte>& out) {
  float found[kSuperBlock / kHalfBlock];
  float peak = 0;  // it becomes the lowest scale
  for (size_t g = 0; g < std::size(found); ++g) {
    found[g] = fit(x.subspan(g * kHalfBlock, kHalfBlock), -32);
    if (std::fabs(found[g]) > std::fabs(peak)) peak = found[g];
  }
  BlockQ6_K block{};
  block.d = f32_to_f16(peak / -128.0f);
  const float d = f16_to_f32(block.d);
  for (size_t g = 0; g < std::size(found); ++g)
    block.scales[g] = static_cast<int8_t>(code(found[g], d, -128, 127));
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const int8_t scale = block.scales[i / kHalfBlock];
    const auto q = static_cast<uint8_t>(code(x[i], d * static_cast<float>(scale), -32, 31) + 32);
    const size_t part = i / 128, quarter = i % 128 / kBlock, l = i % kBlock;
    block.ql[part * 64 + quarter % 2 * kBlock + l] |= static_cast<uint8_t>((q & 15) << (quarter < 2 ? 0 : 4));
    block.qh[part * kBlock + l] |= static_cast<uint8_t>(q >> 4 << (2 * quarter));
  }
  append(out, block);
}

void pack(GgmlType type, std::span<const float> x, std::vector<std::byte>& out) {
  switch (type) {
    case GgmlType::kF32:
      return append(out, x[0]);
    case GgmlType::kF16:
      return append(out, f32_to_f16(x[0]));
    case GgmlType::kBF16:
      return append(out, f32_to_bf16(x[0]));
    case GgmlType::kQ4_0:
      return pack_symmetric<BlockQ4_0, -8>(x, out);
    case GgmlType::kQ5_0:
      return pack_symmetric<BlockQ5_0, -16>(x, out);
    case GgmlType::kQ4_1:
      return pack_affine<BlockQ4_1, 15>(x, out);
    case GgmlType::kQ5_1:
      return pack_affine<BlockQ5_1, 31>(x, out);
    case GgmlType::kQ8_0:
      return pack_q8_0(x, out);
    case GgmlType::kQ4_K:
      return pack_k<BlockQ4_K, 15>(x, out);
    case GgmlType::kQ5_K:
      return pack_k<BlockQ5_K, 31>(x, out);
    case GgmlType::kQ6_K:
      return pack_q6_k(x, out);
  }
}

}  // namespace

std::vector<std::byte> quantize(GgmlType type, std::span<const float> values) {
  const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type));
  assert(values.size() % info->block_elements == 0);
  std::vector<std::byte> out;
  out.reserve(values.size() / info->block_elements * info->block_bytes);
  for (size_t i = 0; i < values.size(); i += info->block_elements)
    pack(type, values.subspan(i, info->block_elements), out);
  return out;
}

}  // namespace phios
