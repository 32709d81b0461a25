// Integer products: weights in ggml's blocks, packed anew for byte dot products, times activations in bytes.
//
// Ownership: none; pure functions over the caller's arrays. Threads: any. Units: elements and blocks of 32
// inputs. What a row gets depends on that row alone, bit for bit, in every variant: within a block the sum is
// an integer, and over the blocks it is one chain of fused multiply-adds in their order.
//
// A packed matrix [n_out][n_in] is groups of 64 outputs (four panels of 16; missing outputs are zero), each a
// row of records. A record is as many blocks of inputs as share a scale of the file's: a head for each panel,
// then for each block its quants for each panel. Quants are unsigned; vector j (of 8) of a block and a panel
// holds, for each of the 16 outputs, four inputs side by side:
//   bytes   8 × 64 bytes, vector after vector
//   4 bits  4 × 64 bytes: vectors 2i and 2i + 1 in the low and the high nibbles
//   5 bits  4 × 64 bytes as before, then a 64-bit mask of fifth bits for each vector
//   6 bits  4 × 64 bytes as before, then 2 × 64: the upper two bits of vectors 4h … 4h + 3, lowest first
// Together a packed matrix has as many bytes as the file's blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "drivers/model/native/kernels.h"

namespace phios {

inline constexpr size_t kBlockInputs = 32;  // that share an activation's scale
inline constexpr size_t kBlockVectors = 8;  // of 4 inputs × 16 outputs

enum class BlockScales : uint8_t {
  kHalf,        // f16[16]
  kHalfAndMin,  // f16[16], and f16[16] that is added to each weight
  kSixBits,  // the same for a record; 8 × 16 bytes: low nibbles of scale and (high) min; 4 × 16: their upper
             // bits, of two blocks: scale, min, scale, min
  kSigned,   // f16[16] for a record, int8[16][16]: one for each 16 inputs
};

struct BlockFormat {
  int bits = 0;  // of a quant; a quant q stands for q - 2^(bits - 1) unless there are minima
  BlockScales scales = BlockScales::kHalf;

  constexpr bool has_min() const {
    return scales == BlockScales::kHalfAndMin || scales == BlockScales::kSixBits;
  }
  constexpr bool halves() const { return scales == BlockScales::kSigned; }
  constexpr size_t blocks() const { return scales <= BlockScales::kHalfAndMin ? 1 : 8; }  // of a record
  constexpr size_t head_bytes() const {                                                   // of a panel
    switch (scales) {
      case BlockScales::kHalf:
        return 2 * kLanes;
      case BlockScales::kHalfAndMin:
        return 4 * kLanes;
      case BlockScales::kSixBits:
        return 4 * kLanes + 12 * kLanes;
      case BlockScales::kSigned:
        return 2 * kLanes + 16 * kLanes;
    }
    return 0;
  }
  constexpr size_t quant_bytes() const {
    return static_cast<size_t>(bits) * kBlockInputs * kLanes / 8;
  }  // the same
  constexpr size_t record_bytes() const { return kGroupPanels * (head_bytes() + blocks() * quant_bytes()); }
  constexpr size_t group_bytes(size_t n_in) const {
    return n_in / (kBlockInputs * blocks()) * record_bytes();
  }
};

constexpr BlockFormat block_format(PackedType type) {
  switch (type) {
    case PackedType::kQ4_0:
      return {4, BlockScales::kHalf};
    case PackedType::kQ4_1:
      return {4, BlockScales::kHalfAndMin};
    case PackedType::kQ5_0:
      return {5, BlockScales::kHalf};
    case PackedType::kQ5_1:
      return {5, BlockScales::kHalfAndMin};
    case PackedType::kQ8_0:
      return {8, BlockScales::kHalf};
    case PackedType::kQ4_K:
      return {4, BlockScales::kSixBits};
    case PackedType::kQ5_K:
      return {5, BlockScales::kSixBits};
    case PackedType::kQ6_K:
      return {6, BlockScales::kSigned};
    default:
      return {};
  }
}

// 32 inputs of one row: x ≈ d × q, d the largest magnitude / 127.
struct alignas(64) ActivationBlock {
  int8_t q[kBlockInputs];
  float d;
  float d_sum;            // d × Σ q
  int32_t minus_sum;      // -Σ q
  int32_t minus_half[2];  // of the first and the last 16
};

// Output rows have room for round_up(n_out, kLanes) elements, and bias has as many.
struct Int8Rows {
  const ActivationBlock* x = nullptr;
  size_t x_stride = 0;  // blocks
  float* y = nullptr;
  size_t y_stride = 0;
  size_t rows = 0;
  const float* bias = nullptr;  // or none
  bool add = false;             // y += instead of y =
  size_t ahead = 0;  // bytes to the group that is likely to come next; 0: the caches hold the weights
  bool past_caches =
      false;  // one or two rows fetch by the side of the caches; as fetches_past_caches() has it
  std::byte* scratch = nullptr;  // kInt8Scratch bytes, 64-byte aligned
};

// Many rows may take weights that are unpacked first, so many blocks of two panels at once.
inline constexpr size_t kUnpackedBlocks = 16;
inline constexpr size_t kUnpackedPanels = 2;
inline constexpr size_t kUnpackedBlockBytes = kUnpackedPanels * (kBlockVectors * 64 + 2 * 64);
inline constexpr size_t kInt8Scratch = kUnpackedBlocks * kUnpackedBlockBytes;

struct Int8Kernels {
  std::string_view name;
  // x: n floats, a multiple of kBlockInputs; out: as many blocks.
  void (*quantize)(const float* x, size_t n, ActivationBlock* out);
  // Groups [first, last) of the product with a matrix in blocks.
  void (*product)(const PackedMatrix& w, size_t first, size_t last, const Int8Rows& rows);
};

extern const Int8Kernels kInt8Avx512Vnni;
extern const Int8Kernels kInt8AvxVnni;
extern const Int8Kernels kInt8Avx2;
extern const Int8Kernels kInt8Portable;

}  // namespace phios
