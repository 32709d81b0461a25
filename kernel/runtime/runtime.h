// Runtime: one reactor a core, each with a run queue, an io_uring ring (or a poll-and-threads fallback), a
// timer wheel; fibers and stackless tasks run on them, and idle reactors steal.
//
// Ownership: kernel/boot owns the Runtime; a fiber owns its function until it has run. Threads: everything
// here may be called from any thread, fibers and drivers' threads included. Lifetime: stop() cancels every
// fiber, waits for them to end, joins the reactors. Units: nanoseconds on Env's monotonic clock, bytes. A
// fiber may wake on another thread: keep nothing thread-local and hold no lock across a park (await, yield,
// sleep_until).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel/base/env.h"
#include "kernel/base/result.h"
#include "kernel/base/trace.h"

namespace phios {

// A piece of work without a stack, linked intrusively: posting it allocates nothing. It must stay alive until
// run, and may be posted again from run().
struct Task {
  void (*run)(Task*) = nullptr;
  Task* next = nullptr;
};

struct RuntimeOptions {
  uint32_t reactors = 0;           // 0: as many as cores
  size_t stack_bytes = 128 << 10;  // of a fiber, guard page apart
  uint32_t max_fibers = 8000;      // alive at once (TSan dies above 8,128)
  bool allow_uring = true;         // false: the fallback, as where io_uring is forbidden
  bool shuffle_ready = false;      // the runtime's own adversary: the ready queue is shuffled by the seed
  bool trace_switches = false;     // one event for each switch; costs a clock reading each
};

struct RuntimeStats {
  uint64_t switches = 0, steals = 0, tasks = 0, fibers_alive = 0, fibers_started = 0, stack_high_water = 0;
  bool uring = false;
};

namespace rt {
class Reactor;
}

class Runtime {
 public:
  static Result<std::unique_ptr<Runtime>> start(Env& env, Trace& trace, const RuntimeOptions& options);
  virtual ~Runtime() = default;

  // Runs fn on a new fiber. `name` is told in stack overflow reports. fn must not throw, and must not park
  // inside a catch block. Errors: ELIMIT_ (too many fibers or no stack), EINTR_ (the runtime is stopping).
  virtual Status spawn(std::string name, std::function<void()> fn) = 0;
  virtual void post(Task* task) noexcept = 0;                // soon, on some reactor
  virtual void post_function(std::function<void()> fn) = 0;  // convenience: allocates

  // Calls fn on a reactor at or after `deadline` (within 66 us where a core is free), unless cancelled first.
  // cancel_timer is true if fn will not run. Id 0 is of a timer that stop() forgot before it was armed.
  using TimerId = uint64_t;
  virtual TimerId arm_timer(Nanos deadline, std::function<void()> fn) = 0;
  virtual bool cancel_timer(TimerId id) = 0;

  // File I/O through the ring. The buffer stays the caller's until the completion, which is called exactly
  // once on a reactor. Errors: EIO_ with the reason, ETIMEDOUT_ at the deadline, EINTR_ when cancelled by
  // stop().
  using IoDone = std::function<void(Result<size_t>)>;
  virtual void async_read(int fd, std::span<std::byte> buffer, int64_t offset, Nanos deadline,
                          IoDone done) = 0;  // offset -1: the file's own
  virtual void async_write(int fd, std::span<const std::byte> buffer, int64_t offset, Nanos deadline,
                           IoDone done) = 0;
  virtual void async_poll(int fd, short events, Nanos deadline,
                          IoDone done) = 0;  // the events that are ready

  virtual uint32_t reactors() const = 0;
  virtual Env& env() = 0;
  virtual Trace& trace() = 0;
  virtual RuntimeStats stats() const = 0;

  // Ends the runtime, in this order: I/O is cancelled with EINTR_ (and refused from now on), sleepers wake,
  // timers are forgotten, spawn() refuses with EINTR_; posted tasks still run, so that fibers can end; once
  // the last fiber has ended the reactors are joined. Whoever owns Waiters wakes them first or meanwhile: a
  // fiber that nobody wakes holds stop() up, which says so on stderr every ten seconds. Never from a fiber or
  // task.
  virtual void stop() = 0;
};

namespace this_fiber {
bool active() noexcept;  // is the caller on a fiber?
void yield();            // to the back of the run queue
void sleep_until(Runtime& runtime, Nanos deadline);
size_t stack_free() noexcept;  // bytes left on the current fiber's stack; SIZE_MAX on a plain thread
}  // namespace this_fiber

// Waiter: one park and one wake-up, in either order. On a fiber await() parks the fiber, elsewhere it blocks
// the thread. Order: exactly one await(), any number of wake()s (only the first counts). Threads: wake() from
// any. Lifetime: it may be destroyed as soon as await() has returned, even while that wake() still runs.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  void wake() noexcept;
  void await() noexcept;  // returns after wake(), whichever came first

 private:
  friend class rt::Reactor;
  enum State : int { kEmpty, kParked, kBlocked, kWoken };
  void block() noexcept;  // of a plain thread
  std::atomic<int> state_{kEmpty};
  void* fiber_ = nullptr;  // the one that is parked; written before the state says so
};

// Runs a completion-based call and waits for its answer: the only bridge between drivers and fibers.
//   auto reply = await_result<std::string>([&](auto done) { op = tools.submit(request, done); });
template <class T, class Start>
Result<T> await_result(Start&& start) {
  struct Shared {
    Waiter waiter;
    Result<T> result = fail(ErrorCode::EINTR_, "no answer");
  };
  auto shared = std::make_shared<Shared>();
  start([shared](Result<T> result) {
    shared->result = std::move(result);
    shared->waiter.wake();
  });
  shared->waiter.await();
  return std::move(shared->result);
}

}  // namespace phios
