// What attention reads and writes: frames of KV pages, and the spans of a context that lie in them.
//
// A frame holds PHI_PAGE_TOKENS positions × all layers of one model, in one tier. Keys are stored after RoPE
// at their absolute position. In every tier a layer's keys come first, head after head, then its values:
// [layer] { [kv_head] keys, [kv_head] values }. docs/formats/kv-pages.md has the layout to the byte; mm/codec
// turns a frame of one tier into another. Ownership: a KvSpan borrows; the page table that made it keeps the
// frame alive. A KvShape borrows the rotations from the model. Threads: plain values. Units: bytes, unless a
// name says elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "syscalls/abi/limits.h"

namespace phios {

// From warm to cold. A pass writes f16 frames alone; it reads all of them.
enum class KvTier : uint8_t { kF16, kInt8, kInt4, kInt2 };
inline constexpr size_t kKvTiers = 4;

constexpr size_t kv_bits(KvTier tier) { return size_t{16} >> static_cast<unsigned>(tier); }

// A model's own matrices for pages of few bits, in place of the one that fits all (see mm/codec), calibrated
// by its driver: each [layer][kv_head][head_dim][head_dim], a head as a row is multiplied with it. keys ×
// queriesᵀ and values × outputs are the identity.
struct KvRotations {
  std::vector<float> keys, queries;    // of what is coded, and of what reads it
  std::vector<float> values, outputs;  // of what is coded, and of what was summed up
};

struct KvShape {
  static constexpr uint32_t kValueGroup = 64;  // channels of a value that share a range
  static constexpr size_t kAlignment = 64;

  uint32_t n_layers = 0;
  uint32_t n_kv_heads = 0;
  uint32_t head_dim = 0;                   // a multiple of 16 where a frame leaves the tier f16
  const KvRotations* rotations = nullptr;  // the model's; none: Walsh-Hadamard

  // Are heads rotated in this tier, and by what; null: Walsh-Hadamard.
  constexpr bool rotates(KvTier tier) const {
    return tier == KvTier::kInt2 || (tier == KvTier::kInt4 && rotations != nullptr);
  }
  const float* rotation(std::vector<float> KvRotations::* of, uint32_t layer, uint32_t kv_head) const {
    if (rotations == nullptr) return nullptr;
    return (rotations->*of).data() + (size_t{layer} * n_kv_heads + kv_head) * head_dim * head_dim;
  }

  constexpr size_t head_elements() const { return size_t{PHI_PAGE_TOKENS} * head_dim; }
  constexpr uint32_t value_groups() const { return head_dim % kValueGroup == 0 ? head_dim / kValueGroup : 1; }

  // One head's keys: [channel][position], then, below f16, a range of each channel.
  constexpr size_t code_bytes(KvTier tier) const { return head_elements() * kv_bits(tier) / 8; }
  constexpr size_t key_bytes(KvTier tier) const {
    return code_bytes(tier) + (tier == KvTier::kF16 ? 0 : range_bytes());
  }
  // One head's values: [position][channel], then, below f16, a range of each group of each position.
  constexpr size_t value_bytes(KvTier tier) const {
    return code_bytes(tier) + (tier == KvTier::kF16 ? 0 : size_t{2} * value_groups() * PHI_PAGE_TOKENS);
  }
  constexpr size_t layer_bytes(KvTier tier) const {
    return n_kv_heads * (key_bytes(tier) + value_bytes(tier));
  }
  constexpr size_t key_offset(KvTier tier, uint32_t layer, uint32_t kv_head) const {
    return layer * layer_bytes(tier) + kv_head * key_bytes(tier);
  }
  constexpr size_t value_offset(KvTier tier, uint32_t layer, uint32_t kv_head) const {
    return layer * layer_bytes(tier) + n_kv_heads * key_bytes(tier) + kv_head * value_bytes(tier);
  }
  // The ranges of one head's channels: scales, then zeros. A frame in f16 has those of its keys behind all
  // layers, valid once the page is full; the others have them behind the codes.
  constexpr size_t range_bytes() const { return size_t{2} * head_dim; }
  // Those of all keys one after another, [layer][kv_head].
  constexpr size_t range_offset(uint32_t layer, uint32_t kv_head) const {
    return (size_t{layer} * n_kv_heads + kv_head) * range_bytes();
  }
  constexpr size_t all_range_bytes() const { return range_offset(n_layers, 0); }
  constexpr size_t key_range_offset(KvTier tier, uint32_t layer, uint32_t kv_head) const {
    if (tier != KvTier::kF16) return key_offset(tier, layer, kv_head) + code_bytes(tier);
    return n_layers * layer_bytes(tier) + range_offset(layer, kv_head);
  }
  constexpr size_t frame_bytes(KvTier tier = KvTier::kF16) const {
    const size_t ranges = tier == KvTier::kF16 ? all_range_bytes() : 0;
    return (n_layers * layer_bytes(tier) + ranges + kAlignment - 1) / kAlignment * kAlignment;
  }
  constexpr bool operator==(const KvShape&) const = default;
};

struct KvSpan {
  std::byte* frame = nullptr;  // frame_bytes(tier) bytes, 64-byte aligned
  KvTier tier = KvTier::kF16;
  uint32_t first_pos = 0;  // position of the frame's slot 0; a multiple of PHI_PAGE_TOKENS
  uint32_t n = 0;          // positions in use, 1 … PHI_PAGE_TOKENS, the ones this pass writes included
  // The ranges of its keys, [layer][kv_head][range_bytes()], of a page on disk; null: as the frame has them.
  const std::byte* ranges = nullptr;
};

}  // namespace phios
