#include "drivers/model/native/quant.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "drivers/model/native/quant_blocks.h"
#include "kernel/base/half.h"

namespace phios {

namespace {

void unpack(const uint16_t& half, float* y) { *y = f16_to_f32(half); }

struct Bf16 {
  uint16_t bits;
};
void unpack(const Bf16& half, float* y) { *y = bf16_to_f32(half.bits); }

void unpack(const float& value, float* y) { *y = value; }

void unpack(const BlockQ4_0& b, float* y) {
  const float d = f16_to_f32(b.d);
  for (size_t j = 0; j < kBlock / 2; ++j) {
    y[j] = static_cast<float>((b.qs[j] & 15) - 8) * d;
    y[j + kBlock / 2] = static_cast<float>((b.qs[j] >> 4) - 8) * d;
  }
}

void unpack(const BlockQ4_1& b, float* y) {
  const float d = f16_to_f32(b.d), m = f16_to_f32(b.m);
  for (size_t j = 0; j < kBlock / 2; ++j) {
    y[j] = static_cast<float>(b.qs[j] & 15) * d + m;
    y[j + kBlock / 2] = static_cast<float>(b.qs[j] >> 4) * d + m;
  }
}

void unpack(const BlockQ5_0& b, float* y) {
  const float d = f16_to_f32(b.d);
  const FiveBits five(b.qh);
  for (size_t j = 0; j < kBlock / 2; ++j) {
    y[j] = static_cast<float>(five.low(b.qs[j], j) - 16) * d;
    y[j + kBlock / 2] = static_cast<float>(five.high(b.qs[j], j) - 16) * d;
  }
}

void unpack(const BlockQ5_1& b, float* y) {
  const float d = f16_to_f32(b.d), m = f16_to_f32(b.m);
  const FiveBits five(b.qh);
  for (size_t j = 0; j < kBlock / 2; ++j) {
    y[j] = static_cast<float>(five.low(b.qs[j], j)) * d + m;
    y[j + kBlock / 2] = static_cast<float>(five.high(b.qs[j], j)) * d + m;
  }
}

void unpack(const BlockQ8_0& b, float* y) {
  const float d = f16_to_f32(b.d);
  for (size_t j = 0; j < kBlock; ++j) y[j] = static_cast<float>(b.qs[j]) * d;
}

// Q4_K, and Q5_K with its high bits in qh (nullptr: none).
void unpack_k(uint16_t d16, uint16_t dmin16, const uint8_t (&scales)[12], const uint8_t* qh,
              const uint8_t* qs, float* y) {
  const float d = f16_to_f32(d16), dmin = f16_to_f32(dmin16);
  for (size_t half = 0; half < kSuperBlock / kBlock; ++half) {
    const SixBits six(scales, half);
    const float step = d * static_cast<float>(six.scale), base = dmin * static_cast<float>(six.min);
    const uint8_t* q = qs + half / 2 * kBlock;
    const int shift = half % 2 ? 4 : 0;
    for (size_t l = 0; l < kBlock; ++l) {
      int value = (q[l] >> shift) & 15;
      if (qh) value |= ((qh[l] >> half) & 1) << 4;
      y[half * kBlock + l] = step * static_cast<float>(value) - base;
    }
  }
}

void unpack(const BlockQ4_K& b, float* y) { unpack_k(b.d, b.dmin, b.scales, nullptr, b.qs, y); }
void unpack(const BlockQ5_K& b, float* y) { unpack_k(b.d, b.dmin, b.scales, b.qh, b.qs, y); }

void unpack(const BlockQ6_K& b, float* y) {
  const float d = f16_to_f32(b.d);
  for (size_t part = 0; part < 2; ++part) {
    const uint8_t* ql = b.ql + part * 64;
    const uint8_t* qh = b.qh + part * 32;
    const int8_t* scales = b.scales + part * 8;
    for (size_t quarter = 0; quarter < 4; ++quarter)
      for (size_t l = 0; l < kBlock; ++l) {
        const int low = (ql[l + quarter % 2 * 32] >> (quarter < 2 ? 0 : 4)) & 15;
        const int high = (qh[l] >> (2 * quarter)) & 3;
        const size_t group = l / 16 + 2 * quarter;
        const float step = d * static_cast<float>(scales[group]);
        y[part * 128 + quarter * kBlock + l] = step * static_cast<float>((low | (high << 4)) - 32);
      }
  }
}

template <class Block>
void unpack_all(std::span<const std::byte> bytes, std::span<float> out, size_t block_elements) {
  assert(bytes.size() * block_elements == out.size() * sizeof(Block));
  Block block;
  for (size_t i = 0, n = out.size() / block_elements; i < n; ++i) {
    std::memcpy(&block, bytes.data() + i * sizeof(Block), sizeof(Block));
    unpack(block, out.data() + i * block_elements);
  }
}

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
  const auto* p = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), p, p + sizeof value);
}

void pack_q8_0(std::span<const float> x, std::vector<std::byte>& out) {
  float peak = 0;
  for (const float v : x) peak = std::max(peak, std::fabs(v));
  const float d = peak / 127.0f;
  BlockQ8_0 block{.d = f32_to_f16(d), .qs = {}};
  for (size_t j = 0; j < kBlock; ++j) block.qs[j] = static_cast<int8_t>(std::lround(d > 0 ? x[j] / d : 0.0f));
  append(out, block);
}

void pack_q4_0(std::span<const float> x, std::vector<std::byte>& out) {
  float peak = 0;  // the value of the largest magnitude, with its sign: it becomes -8
  for (const float v : x)
    if (std::fabs(v) > std::fabs(peak)) peak = v;
  const float d = peak / -8.0f;
  const auto level = [&](float v) {
    const float q = d != 0 ? v / d + 8.5f : 8.0f;
    return static_cast<uint8_t>(std::clamp(static_cast<int>(q), 0, 15));
  };
  BlockQ4_0 block{.d = f32_to_f16(d), .qs = {}};
  for (size_t j = 0; j < kBlock / 2; ++j)
    block.qs[j] = static_cast<uint8_t>(level(x[j]) | (level(x[j + kBlock / 2]) << 4));
  append(out, block);
}

}  // namespace

void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
  switch (type) {
    case GgmlType::kF32:
      return unpack_all<float>(bytes, out, 1);
    case GgmlType::kF16:
      return unpack_all<uint16_t>(bytes, out, 1);
    case GgmlType::kBF16:
      return unpack_all<Bf16>(bytes, out, 1);
    case GgmlType::kQ4_0:
      return unpack_all<BlockQ4_0>(bytes, out, kBlock);
    case GgmlType::kQ4_1:
      return unpack_all<BlockQ4_1>(bytes, out, kBlock);
    case GgmlType::kQ5_0:
      return unpack_all<BlockQ5_0>(bytes, out, kBlock);
    case GgmlType::kQ5_1:
      return unpack_all<BlockQ5_1>(bytes, out, kBlock);
    case GgmlType::kQ8_0:
      return unpack_all<BlockQ8_0>(bytes, out, kBlock);
    case GgmlType::kQ4_K:
      return unpack_all<BlockQ4_K>(bytes, out, kSuperBlock);
    case GgmlType::kQ5_K:
      return unpack_all<BlockQ5_K>(bytes, out, kSuperBlock);
    case GgmlType::kQ6_K:
      return unpack_all<BlockQ6_K>(bytes, out, kSuperBlock);
  }
}

void dequantize_row(const GgufTensor& tensor, uint64_t row, std::span<float> out) {
  const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(tensor.type));
  const size_t row_bytes = tensor.shape[0] / info->block_elements * info->block_bytes;
  dequantize(tensor.type, tensor.data.subspan(row * row_bytes, row_bytes), out);
}

bool can_quantize(GgmlType type) {
  return type == GgmlType::kF32 || type == GgmlType::kF16 || type == GgmlType::kBF16 ||
         type == GgmlType::kQ8_0 || type == GgmlType::kQ4_0;
}

std::vector<std::byte> quantize(GgmlType type, std::span<const float> values) {
  const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type));
  assert(can_quantize(type) && values.size() % info->block_elements == 0);
  std::vector<std::byte> out;
  out.reserve(values.size() / info->block_elements * info->block_bytes);
  for (size_t i = 0; i < values.size(); i += info->block_elements) {
    const auto block = values.subspan(i, info->block_elements);
    if (type == GgmlType::kQ8_0)
      pack_q8_0(block, out);
    else if (type == GgmlType::kQ4_0)
      pack_q4_0(block, out);
    else if (type == GgmlType::kF16)
      append(out, f32_to_f16(block[0]));
    else if (type == GgmlType::kBF16)
      append(out, f32_to_bf16(block[0]));
    else
      append(out, block[0]);
  }
  return out;
}

}  // namespace phios
