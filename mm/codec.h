// The page formats below f16, after KIVI (arXiv 2402.02750): keys by channel, values by token, in groups.
// docs/formats/kv-pages.md is the definition; this is the plain implementation that others are compared with.
//
// Ownership: none; pure functions over the caller's frames, which must not overlap. Threads: any. Errors:
// none; what is not finite counts as the largest half, and what lies outside of every range becomes the
// nearest that lies inside.
#pragma once

#include <cstdint>
#include <span>

#include "mm/kv_view.h"

namespace phios {

// The numbers scale × (zero + code × kv_step(tier)), code 0 … 2^bits - 1, which span scale × [zero, zero +
// 15] in every tier.
struct KvRange {
  uint8_t scale = 0;  // kv_scale() of it
  int8_t zero = 0;
};
inline constexpr int kRangeSteps = 15;
constexpr float kv_step(KvTier tier) {
  return static_cast<float>(kRangeSteps) / static_cast<float>((1u << kv_bits(tier)) - 1);
}

// Eight bits of a positive float without its sign: 5 of exponent, 3 of fraction; from 2^-20 to 3840.
float kv_scale(uint8_t scale);

// A range that holds every number from `least` to `most`, for the keys of an f16 page: found without a
// search.
KvRange key_range(float least, float most);

// Sixteen codes, packed: int8 code i is byte i; int4 code i is bits 4 (i / 2) … of 32-bit word i % 2; int2
// code i is bits 2 i … of the word.
void pack_codes(KvTier tier, const uint8_t (&codes)[PHI_PAGE_TOKENS], std::byte* out);
void unpack_codes(KvTier tier, const std::byte* in, uint8_t (&codes)[PHI_PAGE_TOKENS]);

// x ← x M, M one of KvRotations, or where there is none the orthonormal Walsh-Hadamard matrix of the largest
// power of two that divides x.size(), block by block; its own inverse (TurboAngle, arXiv 2603.27467). Frames
// hold heads so rotated in the tiers that the shape names.
void rotate_head(std::span<float> x, const float* matrix);
constexpr size_t rotation_block(size_t dim) { return dim & (~dim + 1); }

// The first n positions of an f16 frame into a frame of `tier`; the other positions decode to numbers that
// mean nothing. tier is not f16, and shape.head_dim a multiple of 16.
void encode_frame(const KvShape& shape, const std::byte* f16, uint32_t n, KvTier tier, std::byte* out);
// Back to f16, key ranges included.
void decode_frame(const KvShape& shape, KvTier tier, const std::byte* in, std::byte* f16);

// One head's key ranges of a full f16 page: keys [head_dim][PHI_PAGE_TOKENS], out range_bytes() bytes.
void write_key_ranges(const uint16_t* keys, uint32_t head_dim, std::byte* out);

}  // namespace phios
