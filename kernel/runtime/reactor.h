// Reactor: the loop of one core. It runs fibers and tasks from its queue, fires its timers, drives its I/O,
// and steals or sleeps when it has nothing to do.
//
// Ownership: the Hub owns it. Threads: its own, except where a comment says any. Fairness: after kBudget
// pieces of work, whatever is queued, the loop looks at the injector, its mailbox, its timers and its I/O
// once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernel/runtime/context.h"
#include "kernel/runtime/fiber.h"
#include "kernel/runtime/injector.h"
#include "kernel/runtime/io.h"
#include "kernel/runtime/run_queue.h"
#include "kernel/runtime/timer.h"

namespace phios::rt {

class Hub;

// A task that owns its function and itself.
struct FunctionTask final : Task {
  explicit FunctionTask(std::function<void()> function) : fn(std::move(function)) {
    run = &FunctionTask::call;
  }
  std::function<void()> fn;
  static void call(Task* task);
  // Destroys `task` if it is one of these: for work that will never run.
  static void discard(Task* task) noexcept;
};

class Reactor final : public IoSink {
 public:
  Reactor(Hub& hub, uint32_t index);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  void attach(std::unique_ptr<IoBackend> backend) { backend_ = std::move(backend); }
  void run();  // until the hub halts and nothing is left

  Hub& hub() const noexcept { return hub_; }
  uint32_t index() const noexcept { return index_; }
  bool on_fiber() const noexcept { return current_ != &loop_; }
  Fiber* current() const noexcept { return current_; }

  void push(Task* task) noexcept;  // to the back of this reactor's queue
  void yield() noexcept;           // of the current fiber
  void park(Waiter& waiter) noexcept;
  void arrived(Fiber* previous) noexcept;  // the first thing after every switch
  [[noreturn]] void end_current() noexcept;
  void start_io(std::shared_ptr<IoOp> op);

  void io_finished(IoOp& op, int result) noexcept override;
  void mail(Task* task) noexcept override;  // any thread
  void mail_function(std::function<void()> fn) { mail(new FunctionTask(std::move(fn))); }
  void nudge() noexcept;                      // any thread: looks at timers and mail again if it sleeps
  void wake() noexcept { backend_->wake(); }  // any thread, after it was claimed from the idle set
  void begin_stop() { mail(&stop_task_); }    // any thread, once
  TimerWheel& timers() noexcept { return timers_; }  // any thread

  // Counters: written by the reactor alone, read by any.
  struct Counter {
    std::atomic<uint64_t> value{0};
    void bump() noexcept {
      value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    uint64_t get() const noexcept { return value.load(std::memory_order_acquire); }
  };
  struct alignas(64) Counters {
    Counter switches, steals, tasks, started, ended;
  };
  Counters& counters() noexcept { return counters_; }

 private:
  struct StopTask : Task {
    Reactor* reactor = nullptr;
  };
  struct Sight {  // of another reactor's queue, when it held one piece of work
    uint32_t head = 0;
    Nanos since = 0;
  };

  void switch_to(Fiber* fiber) noexcept;
  void dispatch() noexcept;
  void service() noexcept;
  void idle() noexcept;
  void watch() noexcept;
  bool take_work() noexcept;
  bool take_injected() noexcept;
  bool steal() noexcept;
  bool worth_stealing(Reactor& victim) noexcept;
  void fire(TimerWheel& wheel, Nanos now) noexcept;
  void stop_io() noexcept;
  void expire(IoOp& op) noexcept;
  bool finished() const noexcept;
  Nanos sleep_limit(bool watching) noexcept;
  Task* pop() noexcept;
  void shuffle() noexcept;
  void settle(Fiber* previous) noexcept;
  Fiber* pick_next() noexcept;
  void spill(Task* task) noexcept;

  Hub& hub_;
  const uint32_t index_;
  RunQueue queue_;
  Mailbox mailbox_;
  Fiber loop_;  // the thread's own stack, as something to switch to
  Fiber* current_ = &loop_;
  Task* pending_ = nullptr;  // a task that a fiber found when it looked for another fiber
  int32_t budget_ = 0;
  bool stopping_ = false;
  const bool shuffle_, trace_switches_;
  uint64_t random_;
  Counters counters_;

  TimerWheel timers_;
  std::unique_ptr<IoBackend> backend_;
  std::vector<std::shared_ptr<IoOp>> active_;
  StopTask stop_task_;
  std::vector<Sight> sights_;
  Nanos watch_interval_;
};

// The reactor whose thread this is, or null. Never inlined: a fiber may ask on one thread and go on on
// another.
Reactor* this_reactor() noexcept;

}  // namespace phios::rt
