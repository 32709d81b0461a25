#include "mm/frame_pool.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#define PHIOS_POISON_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PHIOS_POISON_FRAMES 1
#endif
#endif
#if defined(PHIOS_POISON_FRAMES)
#include <sanitizer/asan_interface.h>
#endif

namespace phios {
namespace {

// Under ASan a frame that is free may not be touched.
void poison([[maybe_unused]] std::byte* frame, [[maybe_unused]] size_t bytes) {
#if defined(PHIOS_POISON_FRAMES)
  ASAN_POISON_MEMORY_REGION(frame, bytes);
#endif
}
void unpoison([[maybe_unused]] std::byte* frame, [[maybe_unused]] size_t bytes) {
#if defined(PHIOS_POISON_FRAMES)
  ASAN_UNPOISON_MEMORY_REGION(frame, bytes);
#endif
}

// A free frame's whole pages of memory go back to the system.
void give_memory_back(std::byte* frame, size_t bytes) {
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t skipped = (page - reinterpret_cast<uintptr_t>(frame) % page) % page;
  if (bytes < skipped + page) return;
  ::madvise(frame + skipped, (bytes - skipped) / page * page, MADV_DONTNEED);
}

// Attention goes through many frames in turn: with small pages each begins with a miss in the TLB. A wish.
void want_huge_pages(const Reserved<std::byte>& memory) {
  if (memory.size() > 0) ::madvise(memory.data(), memory.size(), MADV_HUGEPAGE);
}

}  // namespace

Result<std::unique_ptr<FramePool>> FramePool::create(KvShape shape, uint32_t frames, uint32_t swap_slots) {
  const size_t bytes = shape.frame_bytes();
  if (bytes == 0 || frames == 0) {
    return fail(ErrorCode::EINVAL_, fmt::format("KV memory: {} frames of {} bytes", frames, bytes));
  }
  if (frames > kMaxFrames || swap_slots > kIndexMask || bytes > SIZE_MAX / 2 / frames) {
    return fail(ErrorCode::ETOOBIG_, fmt::format("KV memory: {} frames of {} bytes, {} in the swap file",
                                                 frames, bytes, swap_slots));
  }
  const uint64_t pages = std::min<uint64_t>(frames * kPagesPerFrame + swap_slots, IndexStack::kMax);
  std::unique_ptr<FramePool> pool(
      new FramePool(shape, frames, TRY(IndexStack::create(static_cast<uint32_t>(pages))),
                    TRY(IndexStack::create(swap_slots)), TRY(Reserved<Slot>::create(pages))));
  for (size_t tier = 0; tier < kKvTiers; ++tier) {
    const size_t n = std::min<size_t>(pool->budget_ / pool->stride_[tier], kIndexMask);
    pool->memory_.push_back(TRY(Reserved<std::byte>::create(n * pool->stride_[tier])));
    want_huge_pages(pool->memory_.back());
    pool->frames_.push_back(TRY(IndexStack::create(static_cast<uint32_t>(n))));
  }
  return pool;
}

FramePool::FramePool(KvShape shape, uint32_t frames, IndexStack pages, IndexStack swap, Reserved<Slot> slots)
    : shape_(shape),
      capacity_(frames),
      pages_(std::move(pages)),
      swap_(std::move(swap)),
      slots_(std::move(slots)) {
  for (size_t tier = 0; tier < kKvTiers; ++tier) {
    const size_t bytes = shape.frame_bytes(static_cast<KvTier>(tier));
    stride_[tier] = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  budget_ = stride_[0] * frames;
}

FramePool::~FramePool() {
  for (const Reserved<std::byte>& memory : memory_) unpoison(memory.data(), memory.size());
}

bool FramePool::charge(size_t bytes) noexcept {
  size_t used = used_.load(std::memory_order_relaxed);
  while (bytes <= budget_ - used) {
    if (used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed)) return true;
  }
  return false;
}

uint32_t FramePool::take_place(PagePlace kind) {
  uint32_t index = 0;
  if (kind == PagePlace::kLost) return pack(kind, 0);
  if (kind == PagePlace::kSwap) return swap_.pop(index) ? pack(kind, index) : kNowhere;
  const size_t tier = static_cast<size_t>(kind);
  if (!charge(stride_[tier])) return kNowhere;
  if (!frames_[tier].pop(index)) {
    used_.fetch_sub(stride_[tier], std::memory_order_relaxed);
    return kNowhere;
  }
  const uint32_t at = pack(kind, index);
  unpoison(frame(at), stride_[tier]);
  return at;
}

void FramePool::discard(uint32_t at) noexcept {
  const PagePlace kind = kind_of(at);
  if (kind == PagePlace::kLost) return;
  if (kind == PagePlace::kSwap) return swap_.push(index_of(at));
  const size_t tier = static_cast<size_t>(kind);
  // While frames of several tiers are in use, one that is free must not keep memory from the others.
  if (mixed_.load(std::memory_order_relaxed)) give_memory_back(frame(at), stride_[tier]);
  poison(frame(at), stride_[tier]);
  frames_[tier].push(index_of(at));
  used_.fetch_sub(stride_[tier], std::memory_order_relaxed);
}

Result<FrameRef> FramePool::allocate(KvTier tier, uint32_t tag) {
  const uint32_t at = take_place(place_of(tier));
  if (at == kNowhere) {
    return fail(ErrorCode::ELIMIT_, fmt::format("frames: all {} of the kernel are in use", capacity_));
  }
  return make_page(at, tag);
}

Result<FrameRef> FramePool::allocate_slot() {
  const uint32_t at = take_place(PagePlace::kSwap);
  if (at == kNowhere) {
    return fail(ErrorCode::ELIMIT_,
                fmt::format("swap file: all {} of its slots are in use", swap_.capacity()));
  }
  return make_page(at, 0);
}

// A page at a place that was taken for it.
Result<FrameRef> FramePool::make_page(uint32_t at, uint32_t tag) {
  uint32_t page = 0;
  if (!pages_.pop(page)) {
    discard(at);
    return fail(ErrorCode::ELIMIT_, fmt::format("pages: all {} of the kernel are in use", pages_.capacity()));
  }
  slots_[page].tag = tag;
  slots_[page].where.store(at, std::memory_order_relaxed);
  slots_[page].refs.store(1, std::memory_order_release);
  counts_[static_cast<size_t>(kind_of(at))].fetch_add(1, std::memory_order_relaxed);
  return FrameRef(this, page);
}

void FramePool::give_back(uint32_t page) noexcept {
  const uint32_t at = where(page);
  counts_[static_cast<size_t>(kind_of(at))].fetch_sub(1, std::memory_order_relaxed);
  discard(at);
  pages_.push(page);
}

uint32_t FramePool::move(uint32_t page, uint32_t to) {
  uint32_t from = where(page) & ~kPinned;
  if (!slots_[page].where.compare_exchange_strong(from, to, std::memory_order_acq_rel)) return kNowhere;
  counts_[static_cast<size_t>(kind_of(from))].fetch_sub(1, std::memory_order_relaxed);
  counts_[static_cast<size_t>(kind_of(to))].fetch_add(1, std::memory_order_relaxed);
  if (is_resident(kind_of(to)) && kind_of(to) != PagePlace::kF16)
    mixed_.store(true, std::memory_order_relaxed);
  return from;
}

FramePool::Pin::Pin(FramePool& pool, uint32_t page) noexcept : pool_(pool), page_(page) {
  while ((pool_.slots_[page_].where.fetch_or(kPinned, std::memory_order_acq_rel) & kPinned) != 0)
    std::this_thread::yield();
}

FramePool::Pin::~Pin() { pool_.slots_[page_].where.fetch_and(~kPinned, std::memory_order_acq_rel); }

}  // namespace phios
