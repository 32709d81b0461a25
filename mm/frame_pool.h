// FramePool: a fixed number of equal frames of KV memory, reference-counted, handed out and taken back
// without locks.
//
// Ownership: the kernel owns the pool, which owns the memory (mmap, touched on first use). A FrameRef owns
// one reference; the last one gives the frame back. Threads: any, at once. Lifetime: the pool outlives every
// FrameRef. Units: frames. Errors: allocate() is ELIMIT_ when the pool is empty, and changes nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "kernel/base/result.h"
#include "mm/kv_view.h"

namespace phios {

class FramePool;

class FrameRef {
 public:
  FrameRef() = default;
  inline FrameRef(const FrameRef& other) noexcept;
  FrameRef(FrameRef&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(index_, other.index_);
    return *this;
  }
  inline ~FrameRef();

  explicit operator bool() const { return pool_ != nullptr; }
  inline std::byte* data() const noexcept;
  uint32_t index() const { return index_; }
  inline bool unique() const noexcept;  // no other reference: may be written in place

 private:
  friend class FramePool;
  FrameRef(FramePool* pool, uint32_t index) : pool_(pool), index_(index) {}
  FramePool* pool_ = nullptr;
  uint32_t index_ = 0;
};

class FramePool {
 public:
  static constexpr size_t kAlignment = 64;                // bytes
  static constexpr uint32_t kMaxFrames = UINT32_MAX - 1;  // the index past the last one ends the free list

  static Result<std::unique_ptr<FramePool>> create(KvShape shape, uint32_t frames);
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  Result<FrameRef> allocate();
  const KvShape& shape() const { return shape_; }
  uint32_t capacity() const { return capacity_; }
  uint32_t free_frames() const noexcept { return capacity_ - used_.load(std::memory_order_relaxed); }

  // References as plain indices, for page tables, which hold many frames of one pool.
  FrameRef share(uint32_t index) noexcept {
    retain(index);
    return {this, index};
  }
  static uint32_t detach(FrameRef frame) noexcept {  // the caller now owns the reference, and release()s it
    frame.pool_ = nullptr;
    return frame.index_;
  }
  void retain(uint32_t index) noexcept { slots_[index].refs.fetch_add(1, std::memory_order_relaxed); }
  void release(uint32_t index) noexcept {
    if (slots_[index].refs.fetch_sub(1, std::memory_order_acq_rel) == 1) give_back(index);
  }
  bool unique(uint32_t index) const noexcept {
    return slots_[index].refs.load(std::memory_order_acquire) == 1;
  }
  std::byte* data(uint32_t index) const noexcept { return memory_ + index * stride_; }

 private:
  struct Slot {
    std::atomic<uint32_t> refs{0};
    std::atomic<uint32_t> next{0};  // the next free frame while this one is free
  };

  FramePool(KvShape shape, uint32_t frames, std::byte* memory, size_t stride);
  bool pop(uint32_t& index) noexcept;
  void give_back(uint32_t index) noexcept;

  KvShape shape_;
  uint32_t capacity_;
  std::byte* memory_;
  size_t stride_;  // bytes from frame to frame
  std::unique_ptr<Slot[]> slots_;
  // The free list's first index, and above it a tag that every change moves: a pop that slept through a
  // pop and a push of the same frame fails (ABA).
  alignas(kAlignment) std::atomic<uint64_t> free_list_;
  alignas(kAlignment) std::atomic<uint32_t> touched_{0};  // frames behind it were never handed out
  std::atomic<uint32_t> used_{0};
};

inline FrameRef::FrameRef(const FrameRef& other) noexcept : pool_(other.pool_), index_(other.index_) {
  if (pool_ != nullptr) pool_->retain(index_);
}
inline FrameRef::~FrameRef() {
  if (pool_ != nullptr) pool_->release(index_);
}
inline std::byte* FrameRef::data() const noexcept { return pool_->data(index_); }
inline bool FrameRef::unique() const noexcept { return pool_->unique(index_); }

}  // namespace phios
