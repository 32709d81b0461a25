#include "kernel/runtime/hub.h"
#include "kernel/runtime/reactor.h"
#include "kernel/runtime/runtime.h"

namespace phios {

// After the exchange the Waiter may be gone: only the fiber, or the address, is used from there on.
void Waiter::wake() noexcept {
  switch (state_.exchange(kWoken, std::memory_order_acq_rel)) {
    case kParked: {
      auto* fiber = static_cast<rt::Fiber*>(fiber_);
      fiber->hub->post(fiber);
      return;
    }
    case kBlocked:
      state_.notify_one();
      return;
    default:
      return;
  }
}

void Waiter::block() noexcept {
  int expected = kEmpty;
  if (!state_.compare_exchange_strong(expected, kBlocked, std::memory_order_acq_rel)) return;
  while (state_.load(std::memory_order_acquire) == kBlocked) state_.wait(kBlocked);
}

namespace this_fiber {

bool active() noexcept {
  const rt::Reactor* reactor = rt::this_reactor();
  return reactor != nullptr && reactor->on_fiber();
}

void sleep_until(Runtime& runtime, Nanos deadline) {
  Waiter waiter;
  auto& hub = static_cast<rt::Hub&>(runtime);
  const Runtime::TimerId id =
      hub.arm(deadline, [&waiter] { waiter.wake(); }, rt::TimerWheel::Purpose::kSleeper);
  if (id != 0) waiter.await();
}

size_t stack_free() noexcept {
  const rt::Reactor* reactor = rt::this_reactor();
  if (reactor == nullptr || !reactor->on_fiber()) return SIZE_MAX;
  const auto* here = static_cast<const std::byte*>(__builtin_frame_address(0));
  return static_cast<size_t>(here - reactor->current()->bottom);
}

}  // namespace this_fiber
}  // namespace phios
