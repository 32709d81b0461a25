#include "kernel/runtime/stack_pool.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace phios::rt {

namespace {
constexpr uint32_t kBatch = 32;       // slots that move between a cache and the shared list at once
constexpr uint32_t kTrimAtOnce = 16;  // stacks looked at in one trim()
constexpr size_t kKeptPages = 2;      // of a trimmed stack, at its top
constexpr size_t kPage = 4096;
constexpr size_t kMaxPages = kStackBytesMax / kPage;
static_assert(kGuardBytes % kPage == 0 && kStackBytesMin % kPage == 0);
}  // namespace

Result<std::unique_ptr<StackPool>> StackPool::reserve(uint32_t stacks, size_t stack_bytes, uint32_t caches) {
  if (stack_bytes < kStackBytesMin || stack_bytes > kStackBytesMax || stacks == 0) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("fiber stacks: {} of {} bytes; at least one, of {} to {} bytes", stacks,
                            stack_bytes, kStackBytesMin, kStackBytesMax));
  }
  const size_t stride = (stack_bytes + kPage - 1) / kPage * kPage + kGuardBytes;
  void* base = mmap(nullptr, stride * stacks, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    return fail(ErrorCode::ELIMIT_, fmt::format("fiber stacks: cannot reserve {} bytes of address space: {}",
                                                stride * stacks, std::strerror(errno)));
  }
  return std::unique_ptr<StackPool>(new StackPool(static_cast<std::byte*>(base), stride, stacks, caches));
}

StackPool::StackPool(std::byte* base, size_t stride, uint32_t stacks, uint32_t caches)
    : base_(base), stride_(stride), stacks_(stacks), caches_(caches + 1) {
  shared_.reserve(stacks);  // give() must not allocate
}

StackPool::~StackPool() { munmap(base_, stride_ * stacks_); }

uint32_t StackPool::take(uint32_t cache) noexcept {
  Cache& own = caches_[cache];
  {
    std::lock_guard lock(own.lock);
    if (own.count > 0) return own.slots[--own.count];
  }
  return refill(cache);
}

void StackPool::give(uint32_t cache, uint32_t slot) noexcept {
  Cache& own = caches_[cache];
  uint32_t surplus[kBatch];
  {
    std::lock_guard lock(own.lock);
    if (own.count < kCacheSlots) {
      own.slots[own.count++] = slot;
      return;
    }
    std::copy_n(own.slots, kBatch, surplus);  // the coldest
    std::copy(own.slots + kBatch, own.slots + kCacheSlots, own.slots);
    own.count -= kBatch;
    own.slots[own.count++] = slot;
  }
  std::lock_guard lock(mutex_);
  shared_.insert(shared_.end(), surplus, surplus + kBatch);
}

// From the shared list, else a stack that was never used, else one that another reactor keeps for itself.
uint32_t StackPool::refill(uint32_t cache) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (!shared_.empty()) {
      const uint32_t slot = shared_.back();
      shared_.pop_back();
      Cache& own = caches_[cache];
      std::lock_guard own_lock(own.lock);
      while (!shared_.empty() && own.count < kBatch) {
        own.slots[own.count++] = shared_.back();
        shared_.pop_back();
      }
      trimmed_ = std::min(trimmed_, shared_.size());
      return slot;
    }
    if (const uint32_t slot = open_fresh(); slot != kNoStack) return slot;
  }
  for (Cache& other : caches_) {
    std::lock_guard lock(other.lock);
    if (other.count > 0) return other.slots[--other.count];
  }
  return kNoStack;
}

uint32_t StackPool::open_fresh() noexcept {
  const uint32_t slot = fresh_.load(std::memory_order_relaxed);
  if (slot == stacks_ || mprotect(bottom(slot), stack_bytes(), PROT_READ | PROT_WRITE) != 0) return kNoStack;
  fresh_.store(slot + 1, std::memory_order_release);
  return slot;
}

size_t StackPool::depth(uint32_t slot) const noexcept {
  unsigned char resident[kMaxPages];
  if (mincore(bottom(slot), stack_bytes(), resident) != 0) return 0;
  const size_t pages = stack_bytes() / kPage;
  const auto* deepest = std::find_if(resident, resident + pages, [](unsigned char page) { return page & 1; });
  return static_cast<size_t>(resident + pages - deepest) * kPage;
}

size_t StackPool::high_water() noexcept {
  for (uint32_t slot = 0; slot < used(); slot++) note_depth(depth(slot));
  return deepest_.load(std::memory_order_relaxed);
}

void StackPool::note_depth(size_t bytes) noexcept {
  size_t deepest = deepest_.load(std::memory_order_relaxed);
  while (deepest < bytes && !deepest_.compare_exchange_weak(deepest, bytes, std::memory_order_relaxed)) {
  }
}

void StackPool::trim() noexcept {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  for (uint32_t i = 0; i < kTrimAtOnce && trimmed_ < shared_.size(); i++) {
    const uint32_t slot = shared_[trimmed_++];
    const size_t used_bytes = depth(slot);
    note_depth(used_bytes);
    if (used_bytes > kKeptPages * kPage) {
      madvise(bottom(slot), stack_bytes() - kKeptPages * kPage, MADV_DONTNEED);
    }
  }
}

}  // namespace phios::rt
