// Attention kernels: the inner loops of attention over pages, in one variant for each instruction set.
//
// Ownership: none; pure functions over the caller's arrays. Threads: any. Units: elements. What is computed
// for a row depends on that row and its pages alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "drivers/model/native/kernels.h"
#include "mm/kv_view.h"

namespace phios {

// One row's attention over the pages of its sequence.
struct AttentionRow {
  std::span<const KvSpan> kv;
  size_t k_offset = 0;  // of this layer's keys in a frame, in elements; heads follow each other
  size_t v_offset = 0;
  size_t head_dim = 0;  // a multiple of 16
  size_t n_kv_heads = 0;
  size_t group = 0;       // query heads that share a key/value head
  uint32_t last_pos = 0;  // the row's own position: the last that it sees
  float scale = 1;
  const float* q = nullptr;  // [n_kv_heads × group][head_dim]
  float* out = nullptr;      // the same
  float* scratch = nullptr;  // attention_scratch() floats
};

// Scores are kept for so many pages at once.
inline constexpr size_t kAttentionPages = 16;
inline constexpr size_t kAttentionPositions = kAttentionPages * PHI_PAGE_TOKENS;
constexpr size_t attention_scratch(size_t n_heads) { return n_heads * (kAttentionPositions + 2); }

struct AttentionKernels {
  std::string_view name;  // as Kernels::name
  void (*attend)(const AttentionRow& row);
};

// The variant of that name, which must be one of supported_kernels().
const AttentionKernels& attention_kernels(std::string_view name);

extern const AttentionKernels kAttentionAvx512;
extern const AttentionKernels kAttentionAvx2;
extern const AttentionKernels kAttentionPortable;

}  // namespace phios
