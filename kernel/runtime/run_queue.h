// RunQueue: the runnable work of one reactor, first in, first out. Its owner pushes and pops; others steal
// half. Bounded: what does not fit, the owner hands to the Injector, which has no bound.
//
// Ownership: of nothing; tasks stay their posters'. Threads: push, pop and steal_into's thief side by the
// owner alone; size and being stolen from by any. The scheme is that of Go's run queue: a ring whose tail the
// owner alone writes and whose head everybody advances by compare and exchange. The atomics are a parameter
// so that a test can run it under a scheduler of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "kernel/runtime/runtime.h"

namespace phios::rt {

inline constexpr uint32_t kRunQueueSlots = 256;

template <template <class> class Atomic = std::atomic, uint32_t kSlots = kRunQueueSlots>
class BasicRunQueue {
 public:
  static_assert((kSlots & (kSlots - 1)) == 0);

  bool push(Task* task) noexcept {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) >= kSlots) return false;
    slot(tail).store(task, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  Task* pop() noexcept {
    uint32_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      if (head == tail_.load(std::memory_order_relaxed)) return nullptr;
      Task* task = slot(head).load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return task;
      }
    }
  }

  uint32_t size() const noexcept {
    const uint32_t head = head_.load(std::memory_order_acquire);
    const uint32_t n = tail_.load(std::memory_order_acquire) - head;
    return n > kSlots ? kSlots : n;  // the head moved between the two looks
  }
  uint32_t head() const noexcept { return head_.load(std::memory_order_relaxed); }

  // Takes the older half (one, if there is but one) and returns how many `out` holds; `out` has kSlots / 2.
  uint32_t take_half(Task** out) noexcept {
    uint32_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      uint32_t n = tail_.load(std::memory_order_acquire) - head;
      n -= n / 2;
      if (n == 0) return 0;
      if (n > kSlots / 2) {  // the head moved between the two looks
        head = head_.load(std::memory_order_acquire);
        continue;
      }
      for (uint32_t i = 0; i < n; i++) out[i] = slot(head + i).load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + n, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return n;
      }
    }
  }

 private:
  Atomic<Task*>& slot(uint32_t i) noexcept { return slots_[i & (kSlots - 1)]; }

  alignas(64) Atomic<uint32_t> head_{0};
  alignas(64) Atomic<uint32_t> tail_{0};
  Atomic<Task*> slots_[kSlots] = {};
};

using RunQueue = BasicRunQueue<>;

}  // namespace phios::rt
