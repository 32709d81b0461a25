#include "kernel/runtime/timer.h"

#include <algorithm>
#include <bit>

namespace phios::rt {

namespace {
uint64_t tick_before(Nanos at) { return at <= 0 ? 0 : static_cast<uint64_t>(at) >> TimerWheel::kTickBits; }
uint64_t tick_after(Nanos at) {  // the first tick that begins at or after
  constexpr uint64_t kRound = (uint64_t{1} << TimerWheel::kTickBits) - 1;
  return at <= 0 ? 0 : (static_cast<uint64_t>(at) + kRound) >> TimerWheel::kTickBits;
}
}  // namespace

TimerWheel::TimerWheel(uint32_t reactor, Nanos now) : reactor_(reactor), present_(tick_before(now)) {
  heads_.fill(kNone);
}

TimerWheel::Armed TimerWheel::arm(Nanos deadline, std::function<void()> fn, Purpose purpose) {
  std::lock_guard lock(mutex_);
  if (stopped_) return {0, false};
  uint32_t index = free_;
  if (index == kNone) {
    index = static_cast<uint32_t>(nodes_.size());
    if (index >> kIndexBits) return {0, false};
    nodes_.emplace_back();
  } else {
    free_ = nodes_[index].next;
  }
  Node& node = nodes_[index];
  if (++node.generation == 0) node.generation = 1;
  node.fn = std::move(fn);
  node.deadline = deadline;
  node.tick = tick_after(deadline);
  node.order = orders_++;
  node.purpose = purpose;
  place(index);
  const Nanos before = next_due_.load(std::memory_order_relaxed);
  publish_next_due();
  return {(uint64_t{reactor_} << kReactorShift) | (uint64_t{node.generation} << kIndexBits) | index,
          next_due_.load(std::memory_order_relaxed) < before};
}

bool TimerWheel::cancel(uint64_t id) noexcept {
  std::function<void()> fn;  // destroyed after the lock is released: it may own much
  std::lock_guard lock(mutex_);
  const uint64_t index = id & ((uint64_t{1} << kIndexBits) - 1);
  if (index >= nodes_.size()) return false;
  const Node& node = nodes_[index];
  if (node.generation != static_cast<uint32_t>(id >> kIndexBits) || node.list == kNone) return false;
  fn = release(static_cast<uint32_t>(index));
  return true;
}

void TimerWheel::take_due(Nanos now, size_t most, std::vector<std::function<void()>>& out) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  advance(tick_before(now));
  std::vector<uint32_t> due;
  for (uint32_t i = heads_[kDue]; i != kNone; i = nodes_[i].next) due.push_back(i);
  std::sort(due.begin(), due.end(), [this](uint32_t x, uint32_t y) {
    const Node &a = nodes_[x], &b = nodes_[y];
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
  });
  due.resize(std::min(due.size(), most));
  for (const uint32_t i : due) out.push_back(release(i));
  publish_next_due();
}

void TimerWheel::stop(std::vector<std::function<void()>>& sleepers) {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  for (uint32_t i = 0; i < nodes_.size(); i++) {
    if (nodes_[i].list != kNone && nodes_[i].purpose == Purpose::kSleeper) sleepers.push_back(release(i));
  }
  next_due_.store(kNever, std::memory_order_release);
}

void TimerWheel::place(uint32_t index) noexcept {
  Node& node = nodes_[index];
  uint32_t list = kDue;
  if (node.tick > present_) {
    const uint32_t level =
        static_cast<uint32_t>(63 - std::countl_zero((node.tick ^ present_) | (kSlots - 1))) / kSlotBits;
    const uint32_t slot = static_cast<uint32_t>(node.tick >> (level * kSlotBits)) & (kSlots - 1);
    list = level * kSlots + slot;
    occupied_[level] |= uint64_t{1} << slot;
  }
  node.list = list;
  node.previous = kNone;
  node.next = heads_[list];
  if (node.next != kNone) nodes_[node.next].previous = index;
  heads_[list] = index;
}

void TimerWheel::unlink(uint32_t index) noexcept {
  Node& node = nodes_[index];
  if (node.previous != kNone) {
    nodes_[node.previous].next = node.next;
  } else {
    heads_[node.list] = node.next;
    if (node.next == kNone && node.list != kDue) {
      occupied_[node.list / kSlots] &= ~(uint64_t{1} << (node.list % kSlots));
    }
  }
  if (node.next != kNone) nodes_[node.next].previous = node.previous;
  node.list = kNone;
}

std::function<void()> TimerWheel::release(uint32_t index) noexcept {
  unlink(index);
  Node& node = nodes_[index];
  node.next = free_;
  free_ = index;
  std::function<void()> fn = std::move(node.fn);
  node.fn = nullptr;
  return fn;
}

// Slots that begin by `tick` are emptied in order; what is not due yet falls to a lower level.
void TimerWheel::advance(uint64_t tick) noexcept {
  uint32_t list = 0;
  uint64_t start = 0;
  while (next_slot(list, start) && start <= tick) {
    present_ = start;
    while (heads_[list] != kNone) {
      const uint32_t index = heads_[list];
      unlink(index);
      place(index);
    }
  }
  present_ = std::max(present_, tick);
}

bool TimerWheel::next_slot(uint32_t& list, uint64_t& start) const noexcept {
  for (uint32_t level = 0; level < kLevels; level++) {
    if (occupied_[level] == 0) continue;
    const uint32_t slot = static_cast<uint32_t>(std::countr_zero(occupied_[level]));
    const uint32_t shift = level * kSlotBits;
    list = level * kSlots + slot;
    start = ((present_ >> (shift + kSlotBits)) << (shift + kSlotBits)) | (uint64_t{slot} << shift);
    return true;
  }
  return false;
}

void TimerWheel::publish_next_due() noexcept {
  uint32_t list = 0;
  uint64_t start = 0;
  Nanos due = kNever;
  if (heads_[kDue] != kNone) {
    due = 0;
  } else if (next_slot(list, start) && start < (static_cast<uint64_t>(kNever) >> kTickBits)) {
    due = static_cast<Nanos>(start << kTickBits);
  }
  next_due_.store(stopped_ ? kNever : due, std::memory_order_release);
}

}  // namespace phios::rt
