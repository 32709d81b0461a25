// PrefixTree: a radix tree over token ids, keyed by model, whose nodes hold the KV frames of whole pages: a
// new context starts from the longest prefix that any context computed before.
//
// Ownership: the tree holds references to frames; evict() gives the least recently used leaves back when the
// pool runs low. Threads: any, at once (one lock, never held across a call out). Units: tokens. Only whole
// pages of PHI_PAGE_TOKENS are shared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "mm/frame_pool.h"

namespace phios {

class PrefixTree {
 public:
  explicit PrefixTree(FramePool& pool);
  ~PrefixTree();

  // The frames of the longest known prefix of tokens, whole pages only.
  std::vector<FrameRef> match(uint64_t model, std::span<const int32_t> tokens);
  // Makes the first frames.size() pages of tokens known. Pages known already keep their frame.
  void insert(uint64_t model, std::span<const int32_t> tokens, std::span<const FrameRef> frames);
  // Drops least recently used leaves that no context uses until `frames` frames have come free, or nothing is
  // left; the number freed.
  uint32_t evict(uint32_t frames);
  uint32_t cached_frames() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phios
