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

}  // namespace phios
