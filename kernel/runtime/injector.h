// Injector: the queue through which work reaches the reactors from outside (drivers' threads, model workers)
// and what overflows a reactor's own queue. Lock-free until it is full, then it spills into a list without a
// bound.
//
// Ownership: of nothing; a task stays its poster's. Threads: any. Order: roughly first in, first out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "kernel/runtime/runtime.h"

namespace phios::rt {

class Injector {
 public:
  Injector();
  ~Injector();
  void push(Task* task) noexcept;
  void push_all(std::span<Task* const> tasks) noexcept;  // straight into the spill list, with one lock
  uint32_t take(std::span<Task*> out) noexcept;          // how many it wrote

 private:
  struct Ring;  // Boost.Lockfree, kept out of the header
  void spill(std::span<Task* const> tasks) noexcept;

  std::unique_ptr<Ring> ring_;
  std::atomic<uint64_t> spilled_{0};  // in the list below, so that takers need not lock to see none
  std::mutex mutex_;                  // guards first_ and last_
  Task* first_ = nullptr;
  Task* last_ = nullptr;
};

// Mailbox: what one reactor alone may do, posted by others: newest first into a list, taken all at once.
class Mailbox {
 public:
  void push(Task* task) noexcept {
    task->next = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(task->next, task, std::memory_order_release)) {
    }
  }
  bool empty() const noexcept { return head_.load(std::memory_order_acquire) == nullptr; }
  // The oldest first, linked by `next`.
  Task* take_all() noexcept {
    Task* oldest_first = nullptr;
    for (Task* task = head_.exchange(nullptr, std::memory_order_acquire); task != nullptr;) {
      Task* after = task->next;
      task->next = oldest_first;
      oldest_first = task;
      task = after;
    }
    return oldest_first;
  }

 private:
  std::atomic<Task*> head_{nullptr};
};

}  // namespace phios::rt
