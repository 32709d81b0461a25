// SpinLock: for sections of a few instructions that hardly ever meet. It gives the core away when it has to
// wait for long. Threads: any; never held across a park.
#pragma once

#include <atomic>
#include <thread>

namespace phios::rt {

class SpinLock {
 public:
  void lock() noexcept {
    int spins = 0;
    while (held_.exchange(true, std::memory_order_acquire)) {
      if (++spins >= kSpins) std::this_thread::yield();
      __builtin_ia32_pause();
    }
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  static constexpr int kSpins = 64;
  std::atomic<bool> held_{false};
};

}  // namespace phios::rt
