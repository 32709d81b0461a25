#include "mm/frame_pool.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

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

constexpr uint32_t kEnd = UINT32_MAX;
constexpr int kTagShift = 32;

constexpr uint64_t pack(uint64_t previous, uint32_t index) {
  return (((previous >> kTagShift) + 1) << kTagShift) | index;
}
constexpr uint32_t index_of(uint64_t head) { return static_cast<uint32_t>(head); }

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

}  // namespace

Result<std::unique_ptr<FramePool>> FramePool::create(KvShape shape, uint32_t frames) {
  if (shape.frame_bytes() == 0 || frames == 0 || frames > kMaxFrames) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("KV memory: {} frames of {} bytes", frames, shape.frame_bytes()));
  }
  const size_t stride = (shape.frame_bytes() + kAlignment - 1) / kAlignment * kAlignment;
  if (stride > SIZE_MAX / 2 / frames) {
    return fail(ErrorCode::ETOOBIG_, fmt::format("KV memory: {} frames of {} bytes", frames, stride));
  }
  void* memory = ::mmap(nullptr, stride * frames, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(ErrorCode::ELIMIT_, fmt::format("KV memory: no {} MiB to map ({}); ask for less",
                                                (stride * frames) >> 20, std::strerror(errno)));
  }
  return std::unique_ptr<FramePool>(new FramePool(shape, frames, static_cast<std::byte*>(memory), stride));
}

FramePool::FramePool(KvShape shape, uint32_t frames, std::byte* memory, size_t stride)
    : shape_(shape),
      capacity_(frames),
      memory_(memory),
      stride_(stride),
      slots_(std::make_unique<Slot[]>(frames)),
      free_list_(kEnd) {}

FramePool::~FramePool() {
  unpoison(memory_, stride_ * capacity_);
  ::munmap(memory_, stride_ * capacity_);
}

bool FramePool::pop(uint32_t& index) noexcept {
  uint64_t head = free_list_.load(std::memory_order_acquire);
  while (index_of(head) != kEnd) {
    // Another thread may take the frame meanwhile; `next` is then of no use, and the tag tells.
    const uint32_t next = slots_[index_of(head)].next.load(std::memory_order_relaxed);
    if (free_list_.compare_exchange_weak(head, pack(head, next), std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
      index = index_of(head);
      return true;
    }
  }
  // Frames that were used are warm, so fresh ones come last.
  uint32_t fresh = touched_.load(std::memory_order_relaxed);
  while (fresh < capacity_) {
    if (touched_.compare_exchange_weak(fresh, fresh + 1, std::memory_order_relaxed)) {
      index = fresh;
      return true;
    }
  }
  return false;
}

Result<FrameRef> FramePool::allocate() {
  uint32_t index = 0;
  if (!pop(index)) {
    return fail(ErrorCode::ELIMIT_, fmt::format("frames: all {} of the kernel are in use", capacity_));
  }
  used_.fetch_add(1, std::memory_order_relaxed);
  unpoison(data(index), stride_);
  slots_[index].refs.store(1, std::memory_order_relaxed);
  return FrameRef(this, index);
}

void FramePool::give_back(uint32_t index) noexcept {
  poison(data(index), stride_);
  used_.fetch_sub(1, std::memory_order_relaxed);
  uint64_t head = free_list_.load(std::memory_order_relaxed);
  do {
    slots_[index].next.store(index_of(head), std::memory_order_relaxed);
  } while (!free_list_.compare_exchange_weak(head, pack(head, index), std::memory_order_acq_rel,
                                             std::memory_order_relaxed));
}

}  // namespace phios
