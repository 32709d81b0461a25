#include "kernel/proc/pending_call.h"

#include <utility>

namespace phios {

bool PendingCall::claim() {
  std::lock_guard lock(mutex_);
  return !std::exchange(finished_, true);
}

void PendingCall::complete(Outcome outcome) {
  if (claim()) deliver(std::move(outcome));
}

void PendingCall::deliver(Outcome outcome) {
  OutcomeDone done;
  OpRef op;
  Runtime::TimerId timer = 0;
  {
    std::lock_guard lock(mutex_);
    done = std::move(done_);
    op = std::move(op_);
    timer = std::exchange(timer_, 0);
  }
  if (timer != 0) runtime_.cancel_timer(timer);
  if (op) op->cancel();
  done(std::move(outcome));
}

void PendingCall::set_deadline(Nanos deadline, std::string what) {
  if (deadline == kNever) return;
  std::lock_guard lock(mutex_);
  if (finished_ || timer_ != 0) return;
  timer_ = runtime_.arm_timer(deadline, [self = shared_from_this(), what = std::move(what)] {
    self->answer(fail(ErrorCode::ETIMEDOUT_, what));
  });
}

void PendingCall::attach(OpRef op) {
  {
    std::lock_guard lock(mutex_);
    if (!finished_) {
      op_ = std::move(op);
      return;
    }
  }
  if (op) op->cancel();
}

bool PendingCall::done() const {
  std::lock_guard lock(mutex_);
  return finished_;
}

}  // namespace phios
