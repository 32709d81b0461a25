// Fiber: a flow of control with a stack of its own. It stands at the top of that stack, so that creating one
// allocates nothing beyond what its function and name need.
//
// Ownership: itself, until it has ended; then the reactor that runs next destroys it. Threads: the one that
// runs it. After a switch `reactor` is where it runs now, which may be another than before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "kernel/runtime/context.h"
#include "kernel/runtime/runtime.h"

namespace phios::rt {

class Hub;
class Reactor;

struct Fiber final : Task, Context {
  // What whoever runs next does with a fiber that was switched away from: only then is its state saved, and
  // only then may others see it.
  enum class After : uint8_t { kNothing, kQueue, kPark, kDestroy };

  Reactor* reactor = nullptr;
  Hub* hub = nullptr;
  Waiter* waiter = nullptr;  // for kPark
  std::byte* bottom = nullptr;
  uint32_t slot = 0;  // of its stack
  After after = After::kNothing;
  std::string name;
  std::function<void()> fn;

  [[noreturn]] static void mark(
      Task* task) noexcept;  // Task::run of every fiber, to tell it by; never called
};

// Places a fiber on the stack `slot` of the hub's pool; it is not queued yet.
Fiber* create_fiber(Hub& hub, uint32_t slot, std::string name, std::function<void()> fn) noexcept;
// Ends its life and gives the stack to `cache` of the pool.
void destroy_fiber(Fiber* fiber, uint32_t cache) noexcept;

}  // namespace phios::rt
