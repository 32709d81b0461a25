// FramePool: pages of KV memory, reference-counted, each in a frame of one tier, in a slot of the swap file,
// or lost. One budget of bytes holds the frames of all tiers; every tier has reserved address space for all
// of it.
//
// Whoever holds a page (tables, the prefix tree) holds its number; where it lies may change under them, and
// then changes for all of them at once. Ownership: the kernel owns the pool, which owns the memory (mapped,
// touched on first use). A FrameRef owns one reference; the last one gives everything back. Threads:
// references, allocate() and Pin from any, at once and without locks; places change on one thread, the one
// that forms passes (the pager's), so data() of a page that is not pinned is stable on that thread, and
// nowhere else. Lifetime: the pool outlives every FrameRef. Units: frames of f16. Errors: ELIMIT_ when the
// budget is spent; nothing has changed then.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernel/base/result.h"
#include "mm/index_stack.h"
#include "mm/kv_view.h"
#include "mm/reserved.h"

namespace phios {

class FramePool;

// Where a page lies: in a frame (the numbers of KvTier), on disk, or nowhere, to be computed again.
enum class PagePlace : uint8_t { kF16, kInt8, kInt4, kInt2, kSwap, kLost };
inline constexpr size_t kPlaces = 6;
constexpr bool is_resident(PagePlace place) { return place < PagePlace::kSwap; }
constexpr PagePlace place_of(KvTier tier) { return static_cast<PagePlace>(tier); }
static_assert(place_of(KvTier::kInt2) == PagePlace::kInt2);

inline constexpr uint32_t kNoPage = UINT32_MAX;  // a hole: positions that attention passes over

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
  static constexpr size_t kAlignment = KvShape::kAlignment;  // bytes
  // Pages for each frame of the budget: as many as fit in the smallest tier, and some that are lost.
  static constexpr uint64_t kPagesPerFrame = 8;
  static constexpr uint32_t kMaxFrames = 1u << 24;

  // A budget of so many frames in f16, and slots of a swap file for so many pages.
  static Result<std::unique_ptr<FramePool>> create(KvShape shape, uint32_t frames, uint32_t swap_slots = 0);
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  // `tag` goes with the page: the policy of the context that computes it.
  Result<FrameRef> allocate(KvTier tier = KvTier::kF16, uint32_t tag = 0);
  // A page on disk from the start, whose slot the caller writes before anyone else knows of the page.
  Result<FrameRef> allocate_slot();
  uint32_t tag(uint32_t page) const noexcept { return slots_[page].tag; }
  const KvShape& shape() const { return shape_; }
  uint32_t capacity() const { return capacity_; }
  uint32_t free_frames() const noexcept {
    return static_cast<uint32_t>((budget_ - used_.load(std::memory_order_relaxed)) / stride_[0]);
  }
  uint32_t pages_max() const { return pages_.capacity(); }  // page numbers stay below
  uint32_t count(PagePlace place) const noexcept {
    return counts_[static_cast<size_t>(place)].load(std::memory_order_relaxed);
  }

  // References as plain numbers, for page tables, which hold many pages of one pool.
  FrameRef share(uint32_t page) noexcept {
    retain(page);
    return {this, page};
  }
  static uint32_t detach(FrameRef frame) noexcept {  // the caller now owns the reference, and release()s it
    frame.pool_ = nullptr;
    return frame.index_;
  }
  void retain(uint32_t page) noexcept { slots_[page].refs.fetch_add(1, std::memory_order_relaxed); }
  void release(uint32_t page) noexcept {
    if (slots_[page].refs.fetch_sub(1, std::memory_order_acq_rel) == 1) give_back(page);
  }
  bool unique(uint32_t page) const noexcept { return slots_[page].refs.load(std::memory_order_acquire) == 1; }
  PagePlace place(uint32_t page) const noexcept { return kind_of(where(page)); }
  uint32_t swap_slot(uint32_t page) const noexcept { return index_of(where(page)); }  // place() is kSwap
  // The page's bytes in the tier that place() names; null when it is not resident.
  std::byte* data(uint32_t page) const noexcept {
    const uint32_t at = where(page);
    return is_resident(kind_of(at)) ? frame(at) : nullptr;
  }

  // ---- of the thread that forms passes

  // The place of a page becomes a new one, and the old one is returned, still in use: discard() it once no
  // pass reads it. kNowhere: the page is pinned, or there is no room; nothing has changed.
  static constexpr uint32_t kNowhere = UINT32_MAX;
  uint32_t take_place(PagePlace kind);                                   // kNowhere when there is no room
  std::byte* bytes_at(uint32_t at) const noexcept { return frame(at); }  // of a place in a frame
  uint32_t slot_at(uint32_t at) const noexcept { return index_of(at); }
  uint32_t move(uint32_t page, uint32_t to);
  void discard(uint32_t at) noexcept;

  // Keeps a page where it is while another thread reads it. One pin at a time: a second waits for the first.
  class Pin {
   public:
    Pin(FramePool& pool, uint32_t page) noexcept;
    ~Pin();
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    FramePool& pool_;
    uint32_t page_;
  };

 private:
  struct Slot {
    std::atomic<uint32_t> refs;
    std::atomic<uint32_t> where;  // the pin, the kind of place, and the frame or slot there
    uint32_t tag;
  };
  static constexpr uint32_t kPinned = 1u << 31;
  static constexpr uint32_t kKindShift = 28;
  static constexpr uint32_t kIndexMask = (1u << kKindShift) - 1;
  static constexpr PagePlace kind_of(uint32_t at) {
    return static_cast<PagePlace>((at & ~kPinned) >> kKindShift);
  }
  static constexpr uint32_t index_of(uint32_t at) { return at & kIndexMask; }
  static constexpr uint32_t pack(PagePlace kind, uint32_t index) {
    return (static_cast<uint32_t>(kind) << kKindShift) | index;
  }

  FramePool(KvShape shape, uint32_t frames, IndexStack pages, IndexStack swap, Reserved<Slot> slots);
  uint32_t where(uint32_t page) const noexcept { return slots_[page].where.load(std::memory_order_acquire); }
  std::byte* frame(uint32_t at) const noexcept {
    const size_t tier = static_cast<size_t>(kind_of(at));
    return memory_[tier].data() + index_of(at) * stride_[tier];
  }
  bool charge(size_t bytes) noexcept;
  Result<FrameRef> make_page(uint32_t at, uint32_t tag);
  void give_back(uint32_t page) noexcept;

  KvShape shape_;
  uint32_t capacity_;
  std::array<size_t, kKvTiers> stride_{};    // bytes from frame to frame
  size_t budget_;                            // bytes
  std::vector<Reserved<std::byte>> memory_;  // of each tier
  std::vector<IndexStack> frames_;           // of each tier
  IndexStack pages_, swap_;
  Reserved<Slot> slots_;
  std::atomic<size_t> used_{0};     // bytes of frames in use
  std::atomic<bool> mixed_{false};  // some frame was of another tier than f16
  std::array<std::atomic<uint32_t>, kPlaces> counts_{};
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
