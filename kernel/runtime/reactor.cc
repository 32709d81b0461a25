#include "kernel/runtime/reactor.h"

#include <algorithm>
#include <cerrno>

#include "kernel/runtime/hub.h"
#include "kernel/runtime/stack_guard.h"

namespace phios::rt {

namespace {
constexpr int32_t kBudget = 61;  // pieces of work between two looks at everything else
constexpr uint32_t kInjectedAtOnce = 32;
constexpr size_t kTimersAtOnce = 256;
constexpr int kSpinRounds = 8;  // looks for work before a sleep: about 3 us
constexpr int kSpinPauses = 16;
constexpr Nanos kStale = 20'000;     // a lone piece of work that waited so long may be stolen
constexpr Nanos kWatchMin = 50'000;  // sleep of the reactor that watches busy ones, doubling
constexpr Nanos kWatchMax = kMillisecond;
constexpr Nanos kOverdue = kMillisecond / 2;  // a timer so late is fired by the watcher
constexpr uint32_t kShuffleWindow = 8;

// The static model: no call to look the variable up. The runtime is linked into programs, never loaded later.
__attribute__((tls_model("initial-exec"))) thread_local Reactor* reactor_of_thread = nullptr;
}  // namespace

__attribute__((noipa)) Reactor* this_reactor() noexcept { return reactor_of_thread; }

void FunctionTask::call(Task* task) {
  const std::unique_ptr<FunctionTask> self(static_cast<FunctionTask*>(task));
  self->fn();
}

void FunctionTask::discard(Task* task) noexcept {
  if (task->run == &FunctionTask::call)
    const std::unique_ptr<FunctionTask> self(static_cast<FunctionTask*>(task));
}

Reactor::Reactor(Hub& hub, uint32_t index)
    : hub_(hub),
      index_(index),
      shuffle_(hub.options().shuffle_ready),
      trace_switches_(hub.options().trace_switches),
      random_(derive_seed(hub.env().seed(), index)),
      timers_(index, hub.env().now()),
      watch_interval_(kWatchMin) {
  loop_.reactor = this;
  stop_task_.reactor = this;
  stop_task_.run = [](Task* task) { static_cast<StopTask*>(task)->reactor->stop_io(); };
}

Reactor::~Reactor() {
  for (Task* task = mailbox_.take_all(); task != nullptr;)
    FunctionTask::discard(std::exchange(task, task->next));
}

// --- switching

void Reactor::push(Task* task) noexcept {
  if (!queue_.push(task)) [[unlikely]]
    spill(task);
  if (hub_.idle().someone_sleeps()) [[unlikely]] {
    if (hub_.idle().wants_help(queue_.size())) hub_.help_wanted();
  }
}

void Reactor::spill(Task* task) noexcept {
  Task* half[kRunQueueSlots / 2 + 1];
  uint32_t n = queue_.take_half(half);
  half[n++] = task;
  hub_.injector().push_all({half, n});
}

[[gnu::always_inline]] inline Task* Reactor::pop() noexcept {
  if (shuffle_) [[unlikely]]
    shuffle();
  return queue_.pop();
}

void Reactor::shuffle() noexcept {
  random_ = derive_seed(random_, 0);
  const uint32_t window = std::min(queue_.size(), kShuffleWindow);
  for (uint64_t turns = window > 1 ? random_ % window : 0; turns > 0; turns--) {
    if (Task* task = queue_.pop()) queue_.push(task);  // a slot was just freed
  }
}

// Whom a fiber that stops running hands the core to: the next fiber, or the loop if it is time for anything
// else. A task is not run on a fiber's stack, which is small.
[[gnu::always_inline]] inline Fiber* Reactor::pick_next() noexcept {
  if (--budget_ < 0) return &loop_;
  Task* task = pop();
  if (task == nullptr) return &loop_;
  if (task->run == &Fiber::mark) return static_cast<Fiber*>(task);
  pending_ = task;
  return &loop_;
}

[[gnu::always_inline]] inline void Reactor::settle(Fiber* previous) noexcept {
  if (previous->after != Fiber::After::kQueue) return arrived(previous);
  if (!queue_.push(previous)) [[unlikely]]
    spill(previous);
}

void Reactor::arrived(Fiber* previous) noexcept {
  switch (previous->after) {
    case Fiber::After::kNothing:
      return;
    case Fiber::After::kQueue:
      return settle(previous);
    case Fiber::After::kPark: {
      Waiter& waiter = *previous->waiter;
      waiter.fiber_ = previous;
      int expected = Waiter::kEmpty;
      if (!waiter.state_.compare_exchange_strong(expected, Waiter::kParked, std::memory_order_acq_rel)) {
        push(previous);  // woken meanwhile
      }
      return;
    }
    case Fiber::After::kDestroy:
      destroy_fiber(previous, index_);
      counters_.ended.bump();
      hub_.fiber_ended();
      return;
  }
}

[[gnu::always_inline]] inline void Reactor::switch_to(Fiber* fiber) noexcept {
  Fiber* self = current_;
  current_ = fiber;
  fiber->reactor = this;
  counters_.switches.bump();
  if (trace_switches_) [[unlikely]]
    hub_.trace().emit(EventKind::kSwitch, 0, fiber != &loop_, fiber->slot);
  Context* previous = switch_context(*self, *fiber);
  self->reactor->settle(static_cast<Fiber*>(previous));  // not `this`: it may have moved
}

[[gnu::always_inline]] inline void Reactor::yield() noexcept {
  Fiber* self = current_;
  Fiber* next = pick_next();
  if (next == &loop_ && budget_ >= 0 && pending_ == nullptr) return;  // nobody else wants to run
  self->after = Fiber::After::kQueue;
  switch_to(next);
}

[[gnu::always_inline]] inline void Reactor::park(Waiter& waiter) noexcept {
  current_->after = Fiber::After::kPark;
  current_->waiter = &waiter;
  switch_to(pick_next());
}

void Reactor::end_current() noexcept {
  Fiber* self = current_;
  self->after = Fiber::After::kDestroy;
  Fiber* next = pick_next();
  current_ = next;
  next->reactor = this;
  counters_.switches.bump();
  leave_context(*self, *next);
}

// --- the loop

void Reactor::run() {
  const AlternateStack alternate;
  reactor_of_thread = this;
  adopt_thread(loop_);
  hub_.trace().bind_thread(index_);
  sights_.resize(hub_.reactors());
  for (;;) {
    dispatch();
    service();
    if (pending_ != nullptr || queue_.size() > 0) continue;
    if (hub_.halting() && finished()) break;
    idle();
  }
  reactor_of_thread = nullptr;
}

bool Reactor::finished() const noexcept { return active_.empty() && mailbox_.empty() && hub_.alive() == 0; }

void Reactor::dispatch() noexcept {
  budget_ = kBudget;
  take_injected();
  while (budget_ > 0) {
    Task* task = pending_ != nullptr ? std::exchange(pending_, nullptr) : pop();
    if (task == nullptr) return;
    budget_--;
    if (task->run == &Fiber::mark) {
      switch_to(static_cast<Fiber*>(task));
    } else {
      counters_.tasks.bump();
      task->run(task);
    }
  }
}

void Reactor::service() noexcept {
  if (!mailbox_.empty()) {
    for (Task* task = mailbox_.take_all(); task != nullptr;) {
      Task* next = task->next;
      task->run(task);
      task = next;
    }
  }
  if (timers_.next_due() != kNever) fire(timers_, hub_.env().now());
  if (!active_.empty()) backend_->look();
}

void Reactor::fire(TimerWheel& wheel, Nanos now) noexcept {
  if (now < wheel.next_due()) return;
  std::vector<std::function<void()>> due;
  wheel.take_due(now, kTimersAtOnce, due);
  for (const auto& fn : due) fn();
}

// --- finding work, and sleeping

bool Reactor::take_injected() noexcept {
  Task* batch[kInjectedAtOnce];
  const uint32_t n = hub_.injector().take(batch);
  for (uint32_t i = 0; i < n; i++) push(batch[i]);
  return n > 0;
}

bool Reactor::take_work() noexcept { return take_injected() || steal(); }

// Two or more pieces of work are worth moving at once. A lone one mostly runs a moment later where it is (its
// poster is about to park), so it is left there until it has waited for a while.
bool Reactor::worth_stealing(Reactor& victim) noexcept {
  const uint32_t size = victim.queue_.size();
  if (size != 1) return size > 1;
  Sight& sight = sights_[victim.index_];
  const uint32_t head = victim.queue_.head();
  const Nanos now = hub_.env().now();
  if (sight.since == 0 || sight.head != head) {
    sight = {head, now};
    return false;
  }
  return now - sight.since >= kStale;
}

bool Reactor::steal() noexcept {
  const uint32_t n = hub_.reactors();
  random_ = derive_seed(random_, 1);
  for (uint32_t k = 0; k < n; k++) {
    Reactor& victim = hub_.reactor(static_cast<uint32_t>((random_ + k) % n));
    if (&victim == this || !worth_stealing(victim)) continue;
    Task* stolen[kRunQueueSlots / 2];
    const uint32_t taken = victim.queue_.take_half(stolen);
    if (taken == 0) continue;
    counters_.steals.bump();
    hub_.trace().emit(EventKind::kSteal, 0, victim.index_);
    for (uint32_t i = 0; i < taken; i++) push(stolen[i]);
    return true;
  }
  return false;
}

void Reactor::idle() noexcept {
  for (int round = 0; round < kSpinRounds; round++) {
    if (take_work() || !mailbox_.empty()) return;
    for (int i = 0; i < kSpinPauses; i++) __builtin_ia32_pause();
  }
  hub_.stacks().trim();
  const bool watching = hub_.idle().enter(index_);
  bool found = take_work();
  if (!found && mailbox_.empty()) {
    backend_->sleep(sleep_limit(watching));
    hub_.idle().leave(index_, watching);
    found = take_work();
    if (watching) watch();
  } else {
    hub_.idle().leave(index_, watching);
  }
  watch_interval_ = watching && !found ? std::min(2 * watch_interval_, kWatchMax) : kWatchMin;
  hub_.idle().end_search();
  if (found && hub_.idle().wants_help(queue_.size())) hub_.help_wanted();
}

// Called after entering the idle set: whoever arms an earlier timer from now on sees that this reactor
// sleeps.
Nanos Reactor::sleep_limit(bool watching) noexcept {
  Nanos limit = timers_.next_due();
  if (limit != kNever) limit = std::max<Nanos>(limit - hub_.env().now(), 0);
  if (watching) limit = std::min(limit, watch_interval_);
  if (hub_.halting()) limit = std::min(limit, kMillisecond);
  return limit;
}

// A reactor that one long computation keeps busy does not get to its timers: deadlines would be late.
void Reactor::watch() noexcept {
  const Nanos now = hub_.env().now();
  for (uint32_t i = 0; i < hub_.reactors(); i++) {
    TimerWheel& wheel = hub_.reactor(i).timers_;
    if (wheel.next_due() != kNever && now - wheel.next_due() > kOverdue) fire(wheel, now);
  }
}

void Reactor::mail(Task* task) noexcept {
  mailbox_.push(task);
  nudge();
}

void Reactor::nudge() noexcept {
  if (hub_.idle().claim(index_)) backend_->wake();
}

// --- I/O

void Reactor::start_io(std::shared_ptr<IoOp> op) {
  IoOp& started = *op;
  started.reactor = this;
  started.index = active_.size();
  started.run = [](Task* task) {
    auto& finished = static_cast<IoOp&>(*task);
    finished.reactor->io_finished(finished, finished.result);
  };
  if (stopping_) {
    started.end = IoEnd::kStop;
    started.result = -ECANCELED;
    active_.push_back(std::move(op));
    mail(&started);
    return;
  }
  if (started.deadline != kNever) {
    const auto on_deadline = [op] {
      op->reactor->mail_function([op] { op->reactor->expire(*op); });  // this may be another reactor
    };
    started.timer = hub_.arm(started.deadline, on_deadline, TimerWheel::Purpose::kTimer);
  }
  active_.push_back(std::move(op));
  backend_->start(started);
}

void Reactor::expire(IoOp& op) noexcept {
  if (op.index == SIZE_MAX) return;
  if (op.end == IoEnd::kOwn) op.end = IoEnd::kDeadline;
  backend_->cancel(op);
}

void Reactor::io_finished(IoOp& op, int result) noexcept {
  const std::shared_ptr<IoOp> hold = std::move(active_[op.index]);
  active_[op.index] = std::move(active_.back());
  if (active_[op.index] != nullptr) active_[op.index]->index = op.index;
  active_.pop_back();
  op.index = SIZE_MAX;
  if (op.timer != 0) hub_.cancel_timer(op.timer);
  const Runtime::IoDone done = std::move(op.done);
  const bool asked_to_end = op.end != IoEnd::kOwn && (result == -ECANCELED || result == -EINTR);
  if (result >= 0) {
    done(static_cast<size_t>(result));
  } else if (!asked_to_end) {
    done(fail(ErrorCode::EIO_, describe_io(op, -result)));
  } else if (op.end == IoEnd::kDeadline) {
    done(fail(ErrorCode::ETIMEDOUT_, describe_io(op, ETIMEDOUT)));
  } else {
    done(fail(ErrorCode::EINTR_, describe_io(op, EINTR) + ", the runtime is stopping"));
  }
}

void Reactor::stop_io() noexcept {
  stopping_ = true;
  std::vector<std::function<void()>> sleepers;
  timers_.stop(sleepers);
  for (const auto& wake_up : sleepers) wake_up();
  const std::vector<std::shared_ptr<IoOp>> active = active_;  // some may finish while others are cancelled
  for (const auto& op : active) {
    if (op->index == SIZE_MAX) continue;
    if (op->end == IoEnd::kOwn) op->end = IoEnd::kStop;
    backend_->cancel(*op);
  }
}

}  // namespace phios::rt

// What fibers call stands here so that a single return leads from the switch back into their own code. Each
// reads the thread's variable once, before it switches.
namespace phios {

__attribute__((noipa)) void this_fiber::yield() {
  rt::Reactor* reactor = rt::reactor_of_thread;
  if (reactor == nullptr || !reactor->on_fiber()) return std::this_thread::yield();
  reactor->yield();
}

__attribute__((noipa)) void Waiter::await() noexcept {
  if (state_.load(std::memory_order_acquire) == kWoken) return;
  rt::Reactor* reactor = rt::reactor_of_thread;
  if (reactor == nullptr || !reactor->on_fiber()) return block();
  reactor->park(*this);
}

}  // namespace phios
