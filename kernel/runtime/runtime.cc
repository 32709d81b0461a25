#include "kernel/runtime/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "kernel/runtime/hub.h"
#include "kernel/runtime/stack_guard.h"

namespace phios {

namespace {

constexpr uint32_t kFibersMax = 32'000;  // two mappings each, and the system's default bound is 65,530
constexpr uint32_t kBlockingThreads = 4;
constexpr std::chrono::seconds kStopReport{10};

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::start(Env& env, Trace& trace, const RuntimeOptions& options) {
  RuntimeOptions settled = options;
  if (settled.reactors == 0) settled.reactors = std::max(1u, std::thread::hardware_concurrency());
  if (settled.reactors > rt::kReactorsMax) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("runtime: {} reactors, at most {}", settled.reactors, rt::kReactorsMax));
  }
  if (settled.max_fibers == 0 || settled.max_fibers > kFibersMax) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("runtime: {} fibers, 1 to {}", settled.max_fibers, kFibersMax));
  }
  if (rt::kInstrumented) settled.stack_bytes *= 2;  // instrumented frames are larger
  auto stacks = TRY(rt::StackPool::reserve(settled.max_fibers, settled.stack_bytes, settled.reactors));
  rt::install_overflow_report();
  auto hub = std::make_unique<rt::Hub>(env, trace, settled, std::move(stacks));
  TRY(hub->open());
  return hub;
}

namespace rt {

Hub::Hub(Env& env, Trace& trace, const RuntimeOptions& options, std::unique_ptr<StackPool> stacks)
    : env_(env), trace_(trace), options_(options), stacks_(std::move(stacks)), idle_(options.reactors) {
  for (uint32_t i = 0; i < options.reactors; i++) reactors_.push_back(std::make_unique<Reactor>(*this, i));
}

Hub::~Hub() {
  stop();
  drop_injected();
  // Who is no reactor may have woken what ended all this, and not have left post() yet.
  while (posting_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
}

Status Hub::open() {
  TRY(attach_backends());
  const SignalsBlocked blocked;  // inherited by the threads
  for (auto& reactor : reactors_) threads_.emplace_back([&reactor] { reactor->run(); });
  return {};
}

// All reactors use the same back end: the ring if the system allows every one of them one.
Status Hub::attach_backends() {
  uring_ = options_.allow_uring;
  std::vector<std::unique_ptr<IoBackend>> backends;
  for (uint32_t i = 0; uring_ && i < reactors(); i++) {
    auto ring = make_uring_backend(*reactors_[i]);
    uring_ = ring.has_value();
    if (uring_) backends.push_back(std::move(*ring));
  }
  if (!uring_) {
    backends.clear();
    blocking_ = std::make_unique<BlockingThreads>(kBlockingThreads);
    for (auto& reactor : reactors_) backends.push_back(TRY(make_poll_backend(*reactor, *blocking_)));
  }
  for (uint32_t i = 0; i < reactors(); i++) reactors_[i]->attach(std::move(backends[i]));
  return {};
}

Reactor* Hub::local() const noexcept {
  Reactor* reactor = this_reactor();
  return reactor != nullptr && &reactor->hub() == this ? reactor : nullptr;
}

// The fiber is counted and then the flag is read once more: stop() then either refuses it or waits for it.
Status Hub::spawn(std::string name, std::function<void()> fn) {
  if (stopping_.load())
    return fail(ErrorCode::EINTR_, fmt::format("fiber '{}': the runtime is stopping", name));
  Reactor* reactor = local();
  if (reactor != nullptr) {
    reactor->counters().started.bump();
  } else {
    started_outside_.fetch_add(1);
  }
  const uint32_t cache = reactor != nullptr ? reactor->index() : reactors();
  const bool refused = stopping_.load();
  const uint32_t slot = refused ? kNoStack : stacks_->take(cache);
  if (slot == kNoStack) {
    if (reactor != nullptr) {
      reactor->counters().ended.bump();
    } else {
      refused_outside_.fetch_add(1);
    }
    fiber_ended();
    if (refused) return fail(ErrorCode::EINTR_, fmt::format("fiber '{}': the runtime is stopping", name));
    return fail(ErrorCode::ELIMIT_, fmt::format("fiber '{}': no stack; {} fibers at most are alive at once",
                                                name, options_.max_fibers));
  }
  post(create_fiber(*this, slot, std::move(name), std::move(fn)));
  return {};
}

void Hub::post(Task* task) noexcept {
  if (Reactor* reactor = local()) return reactor->push(task);
  posting_.fetch_add(1, std::memory_order_relaxed);
  if (joined_.load(std::memory_order_relaxed)) [[unlikely]] {
    FunctionTask::discard(task);
  } else {
    injector_.push(task);
    help_wanted();
  }
  posting_.fetch_sub(1, std::memory_order_release);
}

void Hub::help_wanted() noexcept {
  if (const auto sleeper = idle_.claim_any()) reactors_[*sleeper]->wake();
}

void Hub::post_function(std::function<void()> fn) { post(new FunctionTask(std::move(fn))); }

Runtime::TimerId Hub::arm_timer(Nanos deadline, std::function<void()> fn) {
  return arm(deadline, std::move(fn), TimerWheel::Purpose::kTimer);
}

Runtime::TimerId Hub::arm(Nanos deadline, std::function<void()> fn, TimerWheel::Purpose purpose) {
  Reactor* own = local();
  Reactor& reactor = own != nullptr ? *own : *reactors_[next_wheel_.fetch_add(1) % reactors()];
  const TimerWheel::Armed armed = reactor.timers().arm(deadline, std::move(fn), purpose);
  if (own == nullptr && armed.sooner) reactor.nudge();
  return armed.id;
}

bool Hub::cancel_timer(TimerId id) {
  if (id == 0) return true;
  const uint32_t index = TimerWheel::reactor_of(id);
  return index < reactors() && reactors_[index]->timers().cancel(id);
}

void Hub::async_read(int fd, std::span<std::byte> buffer, int64_t offset, Nanos deadline, IoDone done) {
  auto op = std::make_shared<IoOp>();
  op->kind = IoKind::kRead;
  op->fd = fd;
  op->buffer = buffer.data();
  op->bytes = buffer.size();
  op->offset = offset < 0 ? -1 : offset;
  op->deadline = deadline;
  op->done = std::move(done);
  start_io(std::move(op));
}

void Hub::async_write(int fd, std::span<const std::byte> buffer, int64_t offset, Nanos deadline,
                      IoDone done) {
  auto op = std::make_shared<IoOp>();
  op->kind = IoKind::kWrite;
  op->fd = fd;
  op->buffer = const_cast<std::byte*>(buffer.data());  // only ever read from
  op->bytes = buffer.size();
  op->offset = offset < 0 ? -1 : offset;
  op->deadline = deadline;
  op->done = std::move(done);
  start_io(std::move(op));
}

void Hub::async_poll(int fd, short events, Nanos deadline, IoDone done) {
  auto op = std::make_shared<IoOp>();
  op->kind = IoKind::kPoll;
  op->fd = fd;
  op->bytes = static_cast<uint16_t>(events);
  op->deadline = deadline;
  op->done = std::move(done);
  start_io(std::move(op));
}

void Hub::start_io(std::shared_ptr<IoOp> op) {
  if (Reactor* reactor = local()) return reactor->start_io(std::move(op));
  if (joined_.load()) return op->done(fail(ErrorCode::EINTR_, "the runtime has stopped"));
  IoOp* travelling = op.get();
  travelling->run = &Hub::begin_io;
  travelling->self = std::move(op);
  post(travelling);
}

void Hub::begin_io(Task* task) { this_reactor()->start_io(std::move(static_cast<IoOp*>(task)->self)); }

// What threads posted while the last reactor was leaving: I/O is answered, the rest is dropped.
void Hub::drop_injected() noexcept {
  Task* left = nullptr;
  while (injector_.take({&left, 1}) > 0) {
    if (left->run == &Hub::begin_io) {
      const std::shared_ptr<IoOp> op = std::move(static_cast<IoOp*>(left)->self);
      op->done(fail(ErrorCode::EINTR_, "the runtime has stopped"));
    } else {
      FunctionTask::discard(left);
    }
  }
}

// Ends are read before starts: a fiber whose end is seen has its start seen too, so none is overlooked.
uint64_t Hub::alive() const noexcept {
  uint64_t ended = refused_outside_.load();
  for (const auto& reactor : reactors_) ended += reactor->counters().ended.get();
  uint64_t started = started_outside_.load();
  for (const auto& reactor : reactors_) started += reactor->counters().started.get();
  return started - ended;
}

RuntimeStats Hub::stats() const {
  RuntimeStats stats;
  stats.fibers_alive = alive();
  stats.fibers_started = started_outside_.load() - refused_outside_.load();
  for (const auto& reactor : reactors_) {
    const Reactor::Counters& counters = reactor->counters();
    stats.switches += counters.switches.get();
    stats.steals += counters.steals.get();
    stats.tasks += counters.tasks.get();
    stats.fibers_started += counters.started.get();
  }
  stats.stack_high_water = stacks_->high_water();
  stats.uring = uring_;
  return stats;
}

void Hub::fiber_ended() noexcept {
  if (!stopping_.load(std::memory_order_relaxed)) [[likely]]
    return;
  const std::lock_guard lock(ended_mutex_);
  fiber_ended_.notify_all();
}

void Hub::await_fibers() {
  std::unique_lock lock(ended_mutex_);
  while (!fiber_ended_.wait_for(lock, kStopReport, [this] { return alive() == 0; })) {
    fmt::print(stderr, "phios: the runtime cannot stop yet: {} fibers have not ended\n", alive());
  }
}

void Hub::stop() {
  const std::lock_guard only_once(stop_mutex_);
  if (joined_.load()) return;
  stopping_.store(true);
  if (!threads_.empty()) {
    for (auto& reactor : reactors_) reactor->begin_stop();
    await_fibers();
  }
  halting_.store(true);
  for (auto& reactor : reactors_) reactor->nudge();
  for (std::thread& thread : threads_) thread.join();
  joined_.store(true);
  blocking_.reset();
  drop_injected();
}

}  // namespace rt
}  // namespace phios
