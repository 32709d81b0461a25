// ggml's quantised blocks, byte for byte: what unpacks them (quant.cc) and what packs them anew for the
// kernels (pack.cc) read alike.
//
// Ownership: plain values. Threads: any. Halves are kept as bits; a file's blocks need not be aligned and are
// copied out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace phios {

inline constexpr size_t kBlock = 32;        // elements of a block of the plain types
inline constexpr size_t kSuperBlock = 256;  // elements of a block of the K types

// ggml's blocks, byte for byte. Halves are kept as bits.
struct BlockQ4_0 {
  uint16_t d;
  uint8_t qs[kBlock / 2];
};
struct BlockQ4_1 {
  uint16_t d, m;
  uint8_t qs[kBlock / 2];
};
struct BlockQ5_0 {
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[kBlock / 2];
};
struct BlockQ5_1 {
  uint16_t d, m;
  uint8_t qh[4];
  uint8_t qs[kBlock / 2];
};
struct BlockQ8_0 {
  uint16_t d;
  int8_t qs[kBlock];
};
struct BlockQ4_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qs[kSuperBlock / 2];
};
struct BlockQ5_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[kSuperBlock / 8];
  uint8_t qs[kSuperBlock / 2];
};
struct BlockQ6_K {
  uint8_t ql[kSuperBlock / 2];
  uint8_t qh[kSuperBlock / 4];
  int8_t scales[kSuperBlock / 16];
  uint16_t d;
};
static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);

// The fifth bits stand apart: bit j for the low nibble j, bit j + 16 for the high one.
struct FiveBits {
  explicit FiveBits(const uint8_t (&qh)[4]) { std::memcpy(&bits, qh, sizeof bits); }
  int low(uint8_t q, size_t j) const { return (q & 15) | static_cast<int>(((bits >> j) & 1u) << 4); }
  int high(uint8_t q, size_t j) const { return (q >> 4) | static_cast<int>(((bits >> (j + 16)) & 1u) << 4); }
  uint32_t bits;
};

// Scale and minimum j of 8, six bits each, packed into 12 bytes.
struct SixBits {
  SixBits(const uint8_t (&packed)[12], size_t j) {
    if (j < 4) {
      scale = packed[j] & 63;
      min = packed[j + 4] & 63;
    } else {
      scale = static_cast<uint8_t>((packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4));
      min = static_cast<uint8_t>((packed[j + 4] >> 4) | ((packed[j] >> 6) << 4));
    }
  }
  uint8_t scale, min;
};

}  // namespace phios
