// PairTable: (left symbol, right symbol) → the merge of the two: a flat hash table, read for every pair of
// neighbours that encoding looks at.
//
// Threads: immutable after the last insert(), any thread. Units: symbols; ranks (0 merges first).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace phios {

class PairTable {
 public:
  struct Merge {
    uint32_t rank = 0;
    uint32_t result = 0;
  };

  // `n`: how many pairs there will be at most.
  explicit PairTable(size_t n);
  // The first merge of a pair counts.
  void insert(uint32_t left, uint32_t right, Merge merge);
  // nullptr: they do not merge.
  const Merge* find(uint32_t left, uint32_t right) const {
    const Slot& slot = slots_[place(key(left, right))];
    return slot.key == kFree ? nullptr : &slot.merge;
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};  // no symbol is 2^32 - 1
  struct Slot {
    uint64_t key = kFree;
    Merge merge;
  };

  static uint64_t key(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }
  // Where `key` is, or the free slot where it would be.
  size_t place(uint64_t key) const {
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    size_t at = hash & mask_;
    while (slots_[at].key != key && slots_[at].key != kFree) at = (at + 1) & mask_;
    return at;
  }

  size_t mask_;
  std::vector<Slot> slots_;
};

}  // namespace phios
