// What attention reads and writes: frames of KV pages, and the spans of a context that lie in them.
//
// A frame holds PHI_PAGE_TOKENS positions × all layers of one model, in one tier. Keys are stored after RoPE
// at their absolute position. Layout in tier f16, all uint16_t (IEEE half): [layer][K,
// V][kv_head][PHI_PAGE_TOKENS][head_dim]. Ownership: a KvSpan borrows; the page table that made it keeps the
// frame alive. Threads: plain values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "syscalls/abi/limits.h"

namespace phios {

enum class KvTier : uint8_t { kF16 };

struct KvShape {
  uint32_t n_layers = 0;
  uint32_t n_kv_heads = 0;
  uint32_t head_dim = 0;

  constexpr size_t head_elements() const { return size_t{PHI_PAGE_TOKENS} * head_dim; }
  constexpr size_t frame_elements() const { return size_t{n_layers} * 2 * n_kv_heads * head_elements(); }
  constexpr size_t frame_bytes() const { return frame_elements() * sizeof(uint16_t); }
  // Offset in elements of [layer][which: 0 K, 1 V][kv_head][0][0].
  constexpr size_t offset(uint32_t layer, uint32_t which, uint32_t kv_head) const {
    return ((size_t{layer} * 2 + which) * n_kv_heads + kv_head) * head_elements();
  }
  constexpr bool operator==(const KvShape&) const = default;
};

struct KvSpan {
  std::byte* frame = nullptr;  // frame_bytes() bytes, 64-byte aligned
  KvTier tier = KvTier::kF16;
  uint32_t first_pos = 0;  // position of the frame's slot 0; a multiple of PHI_PAGE_TOKENS
  uint32_t n = 0;          // positions in use, 1 … PHI_PAGE_TOKENS, the ones this pass writes included
};

}  // namespace phios
