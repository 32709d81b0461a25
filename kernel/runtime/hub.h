// Hub: the Runtime itself: what the reactors share, and the interface that the kernel calls.
//
// Ownership: of the reactors, their threads, the stacks. Threads: any. Lifetime: stop() ends it, once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/runtime/idle_set.h"
#include "kernel/runtime/injector.h"
#include "kernel/runtime/io.h"
#include "kernel/runtime/reactor.h"
#include "kernel/runtime/runtime.h"
#include "kernel/runtime/stack_pool.h"

namespace phios::rt {

class Hub final : public Runtime {
 public:
  Hub(Env& env, Trace& trace, const RuntimeOptions& options, std::unique_ptr<StackPool> stacks);
  ~Hub() override;
  Status open();  // chooses the I/O back end, starts the threads

  Status spawn(std::string name, std::function<void()> fn) override;
  void post(Task* task) noexcept override;
  void post_function(std::function<void()> fn) override;
  TimerId arm_timer(Nanos deadline, std::function<void()> fn) override;
  bool cancel_timer(TimerId id) override;
  void async_read(int fd, std::span<std::byte> buffer, int64_t offset, Nanos deadline, IoDone done) override;
  void async_write(int fd, std::span<const std::byte> buffer, int64_t offset, Nanos deadline,
                   IoDone done) override;
  void async_poll(int fd, short events, Nanos deadline, IoDone done) override;
  uint32_t reactors() const override { return static_cast<uint32_t>(reactors_.size()); }
  Env& env() override { return env_; }
  Trace& trace() override { return trace_; }
  RuntimeStats stats() const override;
  void stop() override;

  // For the reactors.
  TimerId arm(Nanos deadline, std::function<void()> fn, TimerWheel::Purpose purpose);
  void help_wanted() noexcept;  // wakes a sleeper, if there is one, to look for work
  void fiber_ended() noexcept;
  bool halting() const noexcept { return halting_.load(std::memory_order_acquire); }
  uint64_t alive() const noexcept;
  StackPool& stacks() noexcept { return *stacks_; }
  Injector& injector() noexcept { return injector_; }
  IdleSet& idle() noexcept { return idle_; }
  Reactor& reactor(uint32_t index) noexcept { return *reactors_[index]; }
  const RuntimeOptions& options() const noexcept { return options_; }

 private:
  Reactor* local() const noexcept;  // the caller's reactor, if it is one of this hub's
  void start_io(std::shared_ptr<IoOp> op);
  Status attach_backends();
  void await_fibers();
  static void begin_io(Task* task);
  void drop_injected() noexcept;

  Env& env_;
  Trace& trace_;
  const RuntimeOptions options_;
  std::unique_ptr<StackPool> stacks_;
  std::unique_ptr<BlockingThreads> blocking_;  // only with the poll back end
  Injector injector_;
  IdleSet idle_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::vector<std::thread> threads_;
  bool uring_ = false;
  std::atomic<uint64_t> started_outside_{0}, refused_outside_{0};  // fibers, by threads that are no reactors
  std::atomic<uint32_t> next_wheel_{0};
  std::atomic<uint32_t> posting_{0};  // threads that are no reactors, within post()
  std::atomic<bool> stopping_{false}, halting_{false}, joined_{false};
  std::mutex stop_mutex_;  // held by stop()
  std::mutex ended_mutex_;
  std::condition_variable fiber_ended_;
};

}  // namespace phios::rt
