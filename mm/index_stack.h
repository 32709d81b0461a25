// IndexStack: the free ones of the indices 0 … capacity - 1, taken and given back without locks. Those that
// were used come first, since their memory is warm; those that never were come last.
//
// Ownership: owns its links; memory is touched as indices are. Threads: any, at once. Errors: pop() is false
// when none is free.
#pragma once

#include <atomic>
#include <cstdint>

#include "mm/reserved.h"

namespace phios {

class IndexStack {
 public:
  static constexpr uint32_t kMax = UINT32_MAX - 1;  // the index past the last one ends the list

  static Result<IndexStack> create(uint32_t capacity) {
    return IndexStack(capacity, TRY(Reserved<std::atomic<uint32_t>>::create(capacity)));
  }
  IndexStack(IndexStack&& other) noexcept : capacity_(other.capacity_), next_(std::move(other.next_)) {}

  uint32_t capacity() const { return capacity_; }
  bool pop(uint32_t& index) noexcept {
    uint64_t head = head_.load(std::memory_order_acquire);
    while (index_of(head) != kEnd) {
      // Another thread may take the index meanwhile; `next` is then of no use, and the tag tells.
      const uint32_t next = next_[index_of(head)].load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, pack(head, next), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        index = index_of(head);
        return true;
      }
    }
    uint32_t fresh = touched_.load(std::memory_order_relaxed);
    while (fresh < capacity_) {
      if (touched_.compare_exchange_weak(fresh, fresh + 1, std::memory_order_relaxed)) {
        index = fresh;
        return true;
      }
    }
    return false;
  }
  void push(uint32_t index) noexcept {
    uint64_t head = head_.load(std::memory_order_relaxed);
    do {
      next_[index].store(index_of(head), std::memory_order_relaxed);
    } while (!head_.compare_exchange_weak(head, pack(head, index), std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
  }

 private:
  static constexpr uint32_t kEnd = UINT32_MAX;
  static constexpr int kTagShift = 32;
  static constexpr size_t kLine = 64;  // bytes

  static constexpr uint64_t pack(uint64_t previous, uint32_t index) {
    return (((previous >> kTagShift) + 1) << kTagShift) | index;
  }
  static constexpr uint32_t index_of(uint64_t head) { return static_cast<uint32_t>(head); }

  IndexStack(uint32_t capacity, Reserved<std::atomic<uint32_t>> next)
      : capacity_(capacity), next_(std::move(next)) {}

  uint32_t capacity_;
  Reserved<std::atomic<uint32_t>> next_;
  // The list's first index, and above it a tag that every change moves: a pop that slept through a pop and a
  // push of the same index fails (ABA).
  alignas(kLine) std::atomic<uint64_t> head_{kEnd};
  alignas(kLine) std::atomic<uint32_t> touched_{0};  // those behind it were never handed out
};

}  // namespace phios
