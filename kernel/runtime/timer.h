// TimerWheel: the timers of one reactor. Eight levels of 64 slots, each level 64 times as coarse as the one
// below (Varghese and Lauck, Hashed and Hierarchical Timing Wheels, 1987); a timer sits where its deadline
// first differs from the present and moves down as the present comes near.
//
// Ownership: the wheel owns the functions until they are handed out or cancelled. Threads: any; one short
// lock. Units: nanoseconds; a timer is due at the first tick (65.5 us) at or after its deadline, never before
// it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "kernel/base/env.h"

namespace phios::rt {

class TimerWheel {
 public:
  // A sleeper's timer is handed out when the runtime stops; all others are then forgotten.
  enum class Purpose : uint8_t { kTimer, kSleeper };
  static constexpr uint32_t kTickBits = 16;

  TimerWheel(uint32_t reactor, Nanos now);

  struct Armed {
    uint64_t id;  // 0: the wheel has stopped, and nothing will fire
    bool sooner;  // than all others: who sleeps for this wheel must look again
  };
  Armed arm(Nanos deadline, std::function<void()> fn, Purpose purpose);
  bool cancel(uint64_t id) noexcept;  // O(1); true: it will not fire
  static uint32_t reactor_of(uint64_t id) noexcept { return static_cast<uint32_t>(id >> kReactorShift); }

  // Moves up to `most` functions that are due to the end of `out`, by deadline, then by order of arming.
  void take_due(Nanos now, size_t most, std::vector<std::function<void()>>& out);
  // When take_due() should next be called; kNever if there is nothing to wait for. May be early, never late.
  Nanos next_due() const noexcept { return next_due_.load(std::memory_order_acquire); }
  // Ends the wheel and hands out the sleepers.
  void stop(std::vector<std::function<void()>>& sleepers);

 private:
  static constexpr uint32_t kLevels = 8;
  static constexpr uint32_t kSlotBits = 6;
  static constexpr uint32_t kSlots = 1u << kSlotBits;
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kIndexBits = 24;
  static constexpr uint32_t kReactorShift = 56;  // id: reactor 8, generation 32, index 24 bits
  static constexpr uint32_t kDue = kLevels * kSlots;

  struct Node {
    std::function<void()> fn;
    uint64_t tick = 0, order = 0;
    Nanos deadline = 0;
    uint32_t generation = 0, list = kNone, previous = kNone, next = kNone;
    Purpose purpose = Purpose::kTimer;
  };

  void place(uint32_t index) noexcept;
  void unlink(uint32_t index) noexcept;
  std::function<void()> release(uint32_t index) noexcept;
  void advance(uint64_t tick) noexcept;
  bool next_slot(uint32_t& list, uint64_t& start) const noexcept;
  void publish_next_due() noexcept;

  const uint32_t reactor_;
  std::mutex mutex_;  // guards all that follows but next_due_, which is only written under it
  uint64_t present_;  // the last tick that was dealt with
  uint64_t orders_ = 0;
  bool stopped_ = false;
  std::array<uint64_t, kLevels> occupied_{};          // a bit for each slot that is not empty
  std::array<uint32_t, kLevels * kSlots + 1> heads_;  // the last one: due, not yet handed out
  std::vector<Node> nodes_;
  uint32_t free_ = kNone;
  std::atomic<Nanos> next_due_{kNever};
};

}  // namespace phios::rt
