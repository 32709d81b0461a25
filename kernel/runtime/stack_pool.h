// StackPool: the stacks of fibers, in one reservation of address space, each above a guard that no one may
// touch. A stack that was used goes back to the reactor that freed it, so that the next fiber finds it warm.
//
// Ownership: the pool owns every stack; a taken slot is its taker's until given back. Threads: any; a cache
// is mostly used by one reactor. Units: bytes. Errors: reserve() tells why; take() gives kNoStack when all
// are out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel/base/result.h"
#include "kernel/runtime/spin_lock.h"

namespace phios::rt {

// A frame larger than a page could step over a smaller guard into the neighbour's stack.
inline constexpr size_t kGuardBytes = 64 << 10;
inline constexpr size_t kStackBytesMin = 16 << 10;
inline constexpr size_t kStackBytesMax = 8 << 20;
inline constexpr uint32_t kNoStack = UINT32_MAX;

class StackPool {
 public:
  // One cache for each reactor, and one that all other threads share.
  static Result<std::unique_ptr<StackPool>> reserve(uint32_t stacks, size_t stack_bytes, uint32_t caches);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  uint32_t take(uint32_t cache) noexcept;
  void give(uint32_t cache, uint32_t slot) noexcept;

  std::byte* bottom(uint32_t slot) const noexcept { return base_ + slot * stride_ + kGuardBytes; }
  size_t stack_bytes() const noexcept { return stride_ - kGuardBytes; }
  uint32_t used() const noexcept { return fresh_.load(std::memory_order_acquire); }  // slots ever taken

  // The deepest any stack has been, to the page: pages stay resident once touched, so nothing is counted
  // while fibers run.
  size_t high_water() noexcept;
  // Gives memory that deep stacks touched back to the system, a few stacks at a time; for idle moments.
  void trim() noexcept;

 private:
  static constexpr uint32_t kCacheSlots = 64;
  struct alignas(64) Cache {
    SpinLock lock;  // guards what follows
    uint32_t count = 0;
    uint32_t slots[kCacheSlots];
  };

  StackPool(std::byte* base, size_t stride, uint32_t stacks, uint32_t caches);
  uint32_t refill(uint32_t cache) noexcept;
  uint32_t open_fresh() noexcept;
  size_t depth(uint32_t slot) const noexcept;
  void note_depth(size_t bytes) noexcept;

  std::byte* base_;
  size_t stride_;
  uint32_t stacks_;
  std::vector<Cache> caches_;
  std::mutex mutex_;  // guards shared_, trimmed_ and the growth of fresh_
  std::vector<uint32_t> shared_;
  size_t trimmed_ = 0;  // of shared_, from the front
  std::atomic<size_t> deepest_{0};
  std::atomic<uint32_t> fresh_{0};
};

}  // namespace phios::rt
