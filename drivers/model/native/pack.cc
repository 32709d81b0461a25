#include "drivers/model/native/pack.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <vector>

#include "drivers/model/native/int8_product.h"
#include "drivers/model/native/quant_blocks.h"

namespace phios {

namespace {

constexpr uint16_t kHalfSign = 0x8000;

// rows: n_rows × n_in, row by row; out: for each input, panels × 16 outputs side by side.
template <class T>
void pack_group(const T* rows, size_t n_rows, size_t n_in, size_t panels, T* out) {
  const size_t width = panels * kLanes;
  for (size_t lane = 0; lane < n_rows; ++lane)
    for (size_t k = 0; k < n_in; ++k) out[k * width + lane] = rows[lane * n_in + k];
}

template <class T>
void pack_numbers(const GgufTensor& t, T* out) {
  const size_t n_in = t.shape[0], n_out = t.shape[1];
  std::vector<T> rows(kGroup * n_in);
  for (size_t first = 0; first < n_out; first += kGroup) {
    const size_t n = std::min(kGroup, n_out - first);
    std::memcpy(rows.data(), t.data.data() + first * n_in * sizeof(T), n * n_in * sizeof(T));
    pack_group(rows.data(), n, n_in, round_up(n, kLanes) / kLanes, out + first * n_in);
  }
}

// One block of the file, taken apart: what the packed layout is made of.
struct Parts {
  std::array<uint8_t, kSuperBlock> quants;
  std::array<uint8_t, 16> scales;
  std::array<uint8_t, 8> mins;
  uint16_t d, m;  // halves
};

void nibbles(const uint8_t (&qs)[kBlock / 2], Parts& out) {
  for (size_t j = 0; j < kBlock / 2; ++j) {
    out.quants[j] = qs[j] & 15;
    out.quants[j + kBlock / 2] = qs[j] >> 4;
  }
}

void five_bits(const uint8_t (&qh)[4], const uint8_t (&qs)[kBlock / 2], Parts& out) {
  const FiveBits five(qh);
  for (size_t j = 0; j < kBlock / 2; ++j) {
    out.quants[j] = static_cast<uint8_t>(five.low(qs[j], j));
    out.quants[j + kBlock / 2] = static_cast<uint8_t>(five.high(qs[j], j));
  }
}

void split(const BlockQ4_0& b, Parts& out) {
  out.d = b.d;
  nibbles(b.qs, out);
}
void split(const BlockQ4_1& b, Parts& out) {
  out.d = b.d, out.m = b.m;
  nibbles(b.qs, out);
}
void split(const BlockQ5_0& b, Parts& out) {
  out.d = b.d;
  five_bits(b.qh, b.qs, out);
}
void split(const BlockQ5_1& b, Parts& out) {
  out.d = b.d, out.m = b.m;
  five_bits(b.qh, b.qs, out);
}
void split(const BlockQ8_0& b, Parts& out) {
  out.d = b.d;
  for (size_t j = 0; j < kBlock; ++j) out.quants[j] = static_cast<uint8_t>(b.qs[j] + 128);
}

// Q4_K, and Q5_K with its high bits in qh (nullptr: none). Minima are added by the kernels: the sign turns.
template <class Block>
void split_k(const Block& b, const uint8_t* qh, Parts& out) {
  out.d = b.d, out.m = b.dmin ^ kHalfSign;
  for (size_t j = 0; j < kSuperBlock / kBlock; ++j) {
    const SixBits six(b.scales, j);
    out.scales[j] = six.scale, out.mins[j] = six.min;
    const uint8_t* q = b.qs + j / 2 * kBlock;
    for (size_t l = 0; l < kBlock; ++l) {
      const int high = qh ? ((qh[l] >> j) & 1) << 4 : 0;
      out.quants[j * kBlock + l] = static_cast<uint8_t>(((q[l] >> (j % 2 ? 4 : 0)) & 15) | high);
    }
  }
}
void split(const BlockQ4_K& b, Parts& out) { split_k(b, nullptr, out); }
void split(const BlockQ5_K& b, Parts& out) { split_k(b, b.qh, out); }

void split(const BlockQ6_K& b, Parts& out) {
  out.d = b.d;
  for (size_t j = 0; j < out.scales.size(); ++j) out.scales[j] = static_cast<uint8_t>(b.scales[j]);
  for (size_t part = 0; part < 2; ++part)
    for (size_t quarter = 0; quarter < 4; ++quarter)
      for (size_t l = 0; l < kBlock; ++l) {
        const int low = b.ql[part * 64 + quarter % 2 * 32 + l] >> (quarter < 2 ? 0 : 4);
        const int high = b.qh[part * 32 + l] >> (2 * quarter);
        out.quants[part * 128 + quarter * kBlock + l] = static_cast<uint8_t>((low & 15) | ((high & 3) << 4));
      }
}

// Writes one output's part of a panel's head.
void put_head(const BlockFormat& f, const Parts& parts, size_t lane, uint8_t* head) {
  std::memcpy(head + 2 * lane, &parts.d, 2);
  if (f.has_min()) std::memcpy(head + 2 * (kLanes + lane), &parts.m, 2);
  if (f.scales == BlockScales::kSixBits) {
    uint8_t* low = head + 4 * kLanes + lane;
    uint8_t* high = low + 8 * kLanes;
    for (size_t j = 0; j < 8; ++j) {
      const int scale = parts.scales[j], min = parts.mins[j];
      low[j * kLanes] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
      high[j / 2 * kLanes] |= static_cast<uint8_t>((scale >> 4 | min >> 4 << 2) << (j % 2 * 4));
    }
  }
  if (f.scales == BlockScales::kSigned)
    for (size_t j = 0; j < parts.scales.size(); ++j) head[2 * kLanes + j * kLanes + lane] = parts.scales[j];
}

// Writes one output's 32 quants of a block; panel: this block's and panel's quants.
void put_quants(int bits, const uint8_t* quants, size_t lane, uint8_t* panel) {
  constexpr size_t kVector = 64;
  uint8_t* upper = panel + kBlockVectors / 2 * kVector;
  for (size_t j = 0; j < kBlockVectors; ++j)
    for (size_t t = 0; t < 4; ++t) {
      const uint8_t q = quants[4 * j + t];
      const size_t at = 4 * lane + t;
      if (bits == 8) {
        panel[j * kVector + at] = q;
        continue;
      }
      panel[j / 2 * kVector + at] |= static_cast<uint8_t>((q & 15) << (j % 2 * 4));
      if (bits == 5) upper[j * 8 + at / 8] |= static_cast<uint8_t>((q >> 4) << (at % 8));
      if (bits == 6) upper[j / 4 * kVector + at] |= static_cast<uint8_t>((q >> 4) << (j % 4 * 2));
    }
}

template <class Block>
void pack_blocks(const GgufTensor& t, const BlockFormat& f, uint8_t* out) {
  const size_t n_records = t.shape[0] / (kBlockInputs * f.blocks()), n_out = t.shape[1];
  assert(sizeof(Block) * kGroup == f.record_bytes());
  Block block;
  Parts parts;
  for (size_t first = 0; first < n_out; first += kGroup)
    for (size_t r = 0; r < n_records; ++r, out += f.record_bytes())
      for (size_t i = 0, n = std::min(kGroup, n_out - first); i < n; ++i) {
        std::memcpy(&block, t.data.data() + ((first + i) * n_records + r) * sizeof(Block), sizeof(Block));
        split(block, parts);
        const size_t panel = i / kLanes, lane = i % kLanes;
        put_head(f, parts, lane, out + panel * f.head_bytes());
        uint8_t* quants = out + kGroupPanels * f.head_bytes() + panel * f.quant_bytes();
        for (size_t b = 0; b < f.blocks(); ++b, quants += kGroupPanels * f.quant_bytes())
          put_quants(f.bits, parts.quants.data() + b * kBlock, lane, quants);
      }
}

}  // namespace

PackedType packed_type(GgmlType type) {
  switch (type) {
    case GgmlType::kF32:
      return PackedType::kF32;
    case GgmlType::kF16:
      return PackedType::kF16;
    case GgmlType::kBF16:
      return PackedType::kBF16;
    case GgmlType::kQ4_0:
      return PackedType::kQ4_0;
    case GgmlType::kQ4_1:
      return PackedType::kQ4_1;
    case GgmlType::kQ5_0:
      return PackedType::kQ5_0;
    case GgmlType::kQ5_1:
      return PackedType::kQ5_1;
    case GgmlType::kQ8_0:
      return PackedType::kQ8_0;
    case GgmlType::kQ4_K:
      return PackedType::kQ4_K;
    case GgmlType::kQ5_K:
      return PackedType::kQ5_K;
    case GgmlType::kQ6_K:
      return PackedType::kQ6_K;
  }
  return PackedType::kF32;
}

size_t packed_bytes(const GgufTensor& t) {
  const PackedType type = packed_type(t.type);
  const size_t n_in = t.shape[0], n_out = t.shape[1];
  if (in_blocks(type)) return round_up(n_out, kGroup) / kGroup * block_format(type).group_bytes(n_in);
  return round_up(n_out, kLanes) * n_in * (type == PackedType::kF32 ? sizeof(float) : sizeof(uint16_t));
}

PackedMatrix pack_matrix(const GgufTensor& t, void* out) {
  const PackedType type = packed_type(t.type);
  const BlockFormat f = block_format(type);
  auto* bytes = static_cast<uint8_t*>(out);
  switch (type) {
    case PackedType::kF32:
      pack_numbers(t, static_cast<float*>(out));
      break;
    case PackedType::kF16:
    case PackedType::kBF16:
      pack_numbers(t, static_cast<uint16_t*>(out));
      break;
    case PackedType::kQ4_0:
      pack_blocks<BlockQ4_0>(t, f, bytes);
      break;
    case PackedType::kQ4_1:
      pack_blocks<BlockQ4_1>(t, f, bytes);
      break;
    case PackedType::kQ5_0:
      pack_blocks<BlockQ5_0>(t, f, bytes);
      break;
    case PackedType::kQ5_1:
      pack_blocks<BlockQ5_1>(t, f, bytes);
      break;
    case PackedType::kQ8_0:
      pack_blocks<BlockQ8_0>(t, f, bytes);
      break;
    case PackedType::kQ4_K:
      pack_blocks<BlockQ4_K>(t, f, bytes);
      break;
    case PackedType::kQ5_K:
      pack_blocks<BlockQ5_K>(t, f, bytes);
      break;
    case PackedType::kQ6_K:
      pack_blocks<BlockQ6_K>(t, f, bytes);
      break;
  }
  return {type, t.shape[0], t.shape[1], out};
}

}  // namespace phios
