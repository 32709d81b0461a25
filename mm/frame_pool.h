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
#include <functional>
#include <memory>
#include <utility>

#include "kernel/base/result.h"
#include "mm/kv_view.h"

namespace phios {

class FramePool;

class FrameRef {
 public:
  FrameRef() = default;
  FrameRef(const FrameRef& other) noexcept;
  FrameRef(FrameRef&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(index_, other.index_);
    return *this;
  }
  ~FrameRef();

  explicit operator bool() const { return pool_ != nullptr; }
  std::byte* data() const noexcept;
  uint32_t index() const { return index_; }
  bool unique() const noexcept;  // no other reference: may be written in place

 private:
  friend class FramePool;
  FrameRef(FramePool* pool, uint32_t index) : pool_(pool), index_(index) {}
  FramePool* pool_ = nullptr;
  uint32_t index_ = 0;
};

class FramePool {
 public:
  static Result<std::unique_ptr<FramePool>> create(KvShape shape, uint32_t frames);
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  Result<FrameRef> allocate() noexcept;
  const KvShape& shape() const;
  uint32_t capacity() const;
  uint32_t free_frames() const noexcept;

 private:
  friend class FrameRef;
  FramePool();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phios
