// PrefixTree: a radix tree over token ids, keyed by model, whose nodes hold the KV frames of whole pages: a
// new context starts from the longest prefix that any context computed before.
//
// Ownership: the tree holds references to frames of one pool, which outlives it; evict() gives the least
// recently used ones back when the pool runs low. Threads: any, at once (one lock, never held across a call
// out). Units: tokens. Only whole pages of PHI_PAGE_TOKENS are shared.
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

  // The frames of the longest known prefix of tokens, whole pages only; they count as used now. A caller that
  // wants the last token's logits asks with one token less.
  std::vector<FrameRef> match(uint64_t model, std::span<const int32_t> tokens);
  // Makes the first frames.size() pages of tokens known. Pages known already keep their frame.
  void insert(uint64_t model, std::span<const int32_t> tokens, std::span<const FrameRef> frames);
  // Drops the pages at the leaves' ends that no context uses, least recently used first, until `frames`
  // frames have come free or nothing is left; the number freed.
  uint32_t evict(uint32_t frames);
  uint32_t cached_frames() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phios
