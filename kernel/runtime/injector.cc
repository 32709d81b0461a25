#include "kernel/runtime/injector.h"

#include <algorithm>
#include <boost/lockfree/queue.hpp>

namespace phios::rt {

namespace {
constexpr size_t kRingSlots = 4096;  // a fixed queue of Boost.Lockfree holds 65,535 at most
}

struct Injector::Ring {
  boost::lockfree::queue<Task*, boost::lockfree::capacity<kRingSlots>> queue;
};

Injector::Injector() : ring_(std::make_unique<Ring>()) {}
Injector::~Injector() = default;

void Injector::push(Task* task) noexcept {
  if (!ring_->queue.bounded_push(task)) spill({&task, 1});
}

void Injector::push_all(std::span<Task* const> tasks) noexcept { spill(tasks); }

void Injector::spill(std::span<Task* const> tasks) noexcept {
  std::lock_guard lock(mutex_);
  for (Task* task : tasks) {
    task->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = task;
    last_ = task;
  }
  spilled_.fetch_add(tasks.size(), std::memory_order_release);
}

// Half of what is asked for comes from the spill list when there is one, so that neither starves the other.
uint32_t Injector::take(std::span<Task*> out) noexcept {
  uint32_t n = 0;
  if (spilled_.load(std::memory_order_acquire) > 0) {
    std::lock_guard lock(mutex_);
    const uint32_t most = static_cast<uint32_t>((out.size() + 1) / 2);
    while (n < most && first_ != nullptr) {
      out[n++] = first_;
      first_ = first_->next;
    }
    if (first_ == nullptr) last_ = nullptr;
    spilled_.fetch_sub(n, std::memory_order_relaxed);
  }
  while (n < out.size() && ring_->queue.pop(out[n])) n++;
  return n;
}

}  // namespace phios::rt
