#include "kernel/proc/process.h"

#include <fmt/core.h>

#include <array>

#include "kernel/proc/kernel.h"

namespace phios {

std::string_view state_name(ProcessState state) {
  constexpr std::array<std::string_view, 7> kNames = {"new",     "ready",   "running", "trapped",
                                                      "waiting", "stopped", "zombie"};
  return kNames[static_cast<size_t>(state)];
}

namespace {
constexpr std::array<std::string_view, 6> kSignals = {"", "int", "term", "kill", "stop", "cont"};
}

std::string_view signal_name(Signal signal) { return kSignals[static_cast<size_t>(signal)]; }

Result<Signal> parse_signal(std::string_view name) {
  for (size_t i = 1; i < kSignals.size(); i++) {
    if (kSignals[i] == name) return static_cast<Signal>(i);
  }
  return fail(ErrorCode::EINVAL_, fmt::format("{}: no signal; one of int, term, kill, stop, cont", name));
}

Process::Process(Kernel& kernel, Pid pid, ProcessRef parent, uint64_t seed)
    : kernel_(kernel), pid_(pid), seed_(seed), parent_(std::move(parent)) {}

Process::~Process() = default;

ProcessRef Process::parent() const {
  std::lock_guard lock(mutex_);
  return parent_;
}

Pid Process::parent_pid() const {
  const ProcessRef p = parent();
  return p ? p->pid() : Pid{};
}

uint64_t Process::random(uint64_t n) {
  // Multiply-shift maps 64 random bits to [0, n) with a bias under n / 2^64.
  const uint64_t bits = derive_seed(seed_ ^ 0xda3e39cb94b95bdbULL, random_drawn_.fetch_add(1));
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * n) >> 64);
}

void Process::set_state(ProcessState state) {
  if (state_.load(std::memory_order_relaxed) == ProcessState::kZombie) return;
  state_.store(state, std::memory_order_relaxed);
  const Nanos ready_since = ready_since_.exchange(0, std::memory_order_relaxed);
  switch (state) {
    case ProcessState::kReady:
      ready_since_.store(kernel_.env().now(), std::memory_order_relaxed);
      kernel_.trace().emit(EventKind::kReady, pid_.value);
      break;
    case ProcessState::kRunning:
      if (ready_since == 0) break;
      kernel_.trace().emit(EventKind::kRun, pid_.value,
                           static_cast<uint64_t>(kernel_.env().now() - ready_since));
      break;
    case ProcessState::kWaiting:
    case ProcessState::kStopped:
      kernel_.trace().emit(EventKind::kWait, pid_.value, static_cast<uint64_t>(state));
      break;
    default:
      break;
  }
}

std::shared_ptr<Body> Process::body() const {
  std::lock_guard lock(mutex_);
  return body_;
}

void Process::set_body(std::shared_ptr<Body> body) {
  std::shared_ptr<Body> old;
  {
    std::lock_guard lock(mutex_);
    old = std::exchange(body_, std::move(body));
  }
  // The old body may be what is running just now (EXEC): it goes when its caller has left it.
  if (old) kernel_.runtime().post_function([old] {});
  arm_wall_timer();
}

void Process::arm_wall_timer() {
  const Nanos deadline = budget->deadline();
  if (deadline == kNever) return;
  const Runtime::TimerId timer = kernel_.runtime().arm_timer(deadline, [weak = weak_from_this()] {
    const ProcessRef self = weak.lock();
    if (!self) return;
    {
      std::lock_guard lock(self->mutex_);
      if (self->end_reason_.empty()) self->end_reason_ = "wall_ms: the time given to the process is over";
    }
    self->signal(Signal::kTerm);
  });
  std::lock_guard lock(mutex_);
  if (wall_timer_ != 0) kernel_.runtime().cancel_timer(wall_timer_);
  wall_timer_ = timer;
}

void Process::set_next_image(ImageRef image) {
  std::lock_guard lock(mutex_);
  next_image_ = std::move(image);
}

ImageRef Process::take_next_image() {
  std::lock_guard lock(mutex_);
  return std::exchange(next_image_, nullptr);
}

void Process::set_pending(PendingRef call) {
  {
    std::lock_guard lock(mutex_);
    pending_ = call;
  }
  if (told_to_end()) call->interrupt(end_reason());
}

void Process::clear_pending() {
  PendingRef old;
  std::lock_guard lock(mutex_);
  old = std::exchange(pending_, nullptr);
}

std::string Process::end_reason() const {
  std::lock_guard lock(mutex_);
  return end_reason_;
}

void Process::signal(Signal sig) {
  if (state() == ProcessState::kZombie) return;
  kernel_.trace().emit(EventKind::kSignal, pid_.value, static_cast<uint64_t>(sig));
  const ProcessRef self = shared_from_this();
  PendingRef interrupted;
  switch (sig) {
    case Signal::kNone:
      return;
    case Signal::kStop:
      stopped_.store(true);
      break;
    case Signal::kCont: {
      std::lock_guard lock(mutex_);
      stopped_.store(false);
      break;
    }
    case Signal::kInt:
    case Signal::kTerm:
    case Signal::kKill: {
      std::lock_guard lock(mutex_);
      if (end_reason_.empty()) end_reason_ = fmt::format("ended by the signal {}", signal_name(sig));
      ending_.store(true, std::memory_order_release);
      stopped_.store(false);
      interrupted = pending_;
      break;
    }
  }
  if (interrupted) interrupted->interrupt(end_reason());
  std::function<void()> deferred;
  if (sig != Signal::kStop) {
    std::lock_guard lock(mutex_);
    deferred = std::exchange(deferred_, nullptr);
  }
  if (deferred) kernel_.runtime().post_function(std::move(deferred));
  if (const std::shared_ptr<Body> b = body()) b->signalled(sig);
}

bool Process::defer_while_stopped(std::function<void()> what) {
  std::lock_guard lock(mutex_);
  if (!stopped()) return false;
  set_state(ProcessState::kStopped);
  deferred_ = std::move(what);
  return true;
}

void Process::set_exit_value(std::string value) {
  std::lock_guard lock(mutex_);
  exit_value_ = std::move(value);
}

std::string Process::take_exit_value() {
  std::lock_guard lock(mutex_);
  return std::exchange(exit_value_, {});
}

void Process::finish(ExitStatus status) {
  if (finished_.exchange(true)) return;
  const ProcessRef self = shared_from_this();
  {
    std::lock_guard lock(mutex_);
    if (ending_.load()) {
      const bool wall = end_reason_.starts_with("wall_ms");
      status = {static_cast<int>(wall ? ErrorCode::ELIMIT_ : ErrorCode::EINTR_), end_reason_};
    }
    exit_ = status;
    if (wall_timer_ != 0) kernel_.runtime().cancel_timer(wall_timer_);
  }
  const std::shared_ptr<Body> body = this->body();
  if (body) {
    if (Decoder* decoder = body->decoder()) add_token_counts(decoder->context().counts());
  }
  kernel_.add_ended(token_counts());
  // Everything is given back before the parent hears of the end: what it starts next may need it.
  budget->refund(Resource::kCells, std::exchange(charged_cells, 0));
  if (const ProcessRef p = parent()) p->budget->refund(Resource::kChildren, 1);
  kernel_.contexts().drop_all(fmt::format("{}\n", pid_.value));
  output.reset();
  input.reset();
  kernel_.trace().emit(EventKind::kExit, pid_.value, static_cast<uint64_t>(status.code));
  // The body may be what is running just now: it goes when its caller has left it.
  kernel_.runtime().post_function([self, body] {
    std::lock_guard lock(self->mutex_);
    self->body_.reset();
  });
  kernel_.table().on_finished(self);
}

ExitStatus Process::exit_status() const {
  std::lock_guard lock(mutex_);
  return exit_;
}

void Process::add_token_counts(const TokenCounts& counts) {
  std::lock_guard lock(mutex_);
  stats.tokens += counts;
}

TokenCounts Process::token_counts() const {
  std::lock_guard lock(mutex_);
  return stats.tokens;
}

}  // namespace phios
