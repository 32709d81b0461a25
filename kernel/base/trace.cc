#include "kernel/base/trace.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace phios {

// A seqlock for each slot: the sequence is odd while a writer is in it, and tells a reader which lap it read.
// Fields are relaxed atomics so that a torn read is no data race; the sequence says whether it counts.
struct Trace::Ring {
  struct Slot {
    std::atomic<uint64_t> sequence{0};
    std::atomic<uint64_t> word[6]{};
  };
  explicit Ring(uint32_t n) : slots(n), mask(n - 1) {}
  std::vector<Slot> slots;
  uint64_t mask;
  std::atomic<uint64_t> head{0};
  std::mutex shared_writers;  // only the last ring has more than one writer
};

namespace {
thread_local uint32_t bound_core = UINT32_MAX;
}

Trace::Trace(Env& env, uint32_t cores, uint32_t events_per_core) : env_(env) {
  const uint32_t n = std::bit_ceil(std::max(events_per_core, 2u));
  for (uint32_t i = 0; i <= cores; i++) rings_.push_back(std::make_unique<Ring>(n));
}

Trace::~Trace() = default;

void Trace::bind_thread(uint32_t core) noexcept { bound_core = core; }

void Trace::emit(EventKind kind, uint64_t pid, uint64_t a, uint64_t b, uint64_t c) noexcept {
  const uint32_t shared = static_cast<uint32_t>(rings_.size()) - 1;
  const uint32_t core = std::min(bound_core, shared);
  Ring& ring = *rings_[core];
  std::unique_lock<std::mutex> lock(ring.shared_writers, std::defer_lock);
  if (core == shared) lock.lock();
  const uint64_t n = ring.head.load(std::memory_order_relaxed);
  Ring::Slot& slot = ring.slots[n & ring.mask];
  slot.sequence.store(2 * n + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  const uint64_t words[6] = {
      static_cast<uint64_t>(env_.now()), pid, a, b, c, static_cast<uint64_t>(kind) | (uint64_t{core} << 16)};
  for (int i = 0; i < 6; i++) slot.word[i].store(words[i], std::memory_order_relaxed);
  slot.sequence.store(2 * n + 2, std::memory_order_release);
  ring.head.store(n + 1, std::memory_order_release);
}

void Trace::collect(Cursor& cursor, std::vector<Event>& out) const {
  cursor.next.resize(rings_.size(), 0);
  const size_t first = out.size();
  for (size_t r = 0; r < rings_.size(); r++) {
    const Ring& ring = *rings_[r];
    const uint64_t head = ring.head.load(std::memory_order_acquire);
    uint64_t n = cursor.next[r];
    if (head - n > ring.slots.size()) {
      cursor.lost += head - ring.slots.size() - n;
      n = head - ring.slots.size();
    }
    for (; n < head; n++) {
      const Ring::Slot& slot = ring.slots[n & ring.mask];
      const uint64_t before = slot.sequence.load(std::memory_order_acquire);
      uint64_t words[6];
      for (int i = 0; i < 6; i++) words[i] = slot.word[i].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (before != 2 * n + 2 || slot.sequence.load(std::memory_order_relaxed) != before) {
        cursor.lost++;
        continue;
      }
      out.push_back({static_cast<Nanos>(words[0]), words[1], words[2], words[3], words[4],
                     static_cast<EventKind>(words[5] & 0xffff), static_cast<uint16_t>(words[5] >> 16)});
    }
    cursor.next[r] = head;
  }
  std::stable_sort(out.begin() + static_cast<ptrdiff_t>(first), out.end(),
                   [](const Event& x, const Event& y) { return x.at < y.at; });
}

}  // namespace phios
