// JUMP YIELD SLEEP EXIT: control.
#include <fmt/core.h>

#include "kernel/proc/cell_space.h"
#include "kernel/proc/native_body.h"
#include "kernel/proc/prompt_body.h"
#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

void jump(const Invocation& in) {
  const std::shared_ptr<Body> body = in.process->body();
  auto* prompt = dynamic_cast<PromptBody*>(body.get());
  if (!prompt) return in.answer(fail(ErrorCode::ENOSYS_, "JUMP: only a prompt program has labels"));
  if (in.has(1)) {
    const Result<std::string> value = read_cell(*in.process, in.arg(1));
    if (!value && value.error().code != ErrorCode::ENOENT_) return in.answer(std::unexpected(value.error()));
    if (!value || value->empty() || *value == "0") return in.answer("0");
  }
  if (Status set = prompt->set_jump(in.arg(0)); !set) return in.answer(std::unexpected(set.error()));
  in.pending->leave();
}

void exit(const Invocation& in) {
  std::string value = in.has(0) ? in.arg(0) : std::string();
  const std::shared_ptr<Body> body = in.process->body();
  if (auto* prompt = dynamic_cast<PromptBody*>(body.get())) {
    prompt->set_exit(std::move(value));
  } else {
    in.process->set_exit_value(std::move(value));
  }
  in.pending->leave();
}

void yield(const Invocation& in) {
  in.kernel.runtime().post_function([pending = in.pending] { pending->answer(Reply{}); });
}

void sleep(const Invocation& in) {
  const Result<int64_t> ms = in.integer(0, 0, PHI_SLEEP_MAX_MS);
  if (!ms) return in.answer(std::unexpected(ms.error()));
  in.process->set_state(ProcessState::kWaiting);
  // A sleep ends at its own time or at the caller's deadline, whichever is first; only the latter is
  // ETIMEDOUT_.
  const Nanos until = in.kernel.env().now() + *ms * kMillisecond;
  if (until > in.deadline)
    return in.pending->set_deadline(in.deadline, fmt::format("SLEEP {}: the deadline passed first", *ms));
  in.kernel.runtime().arm_timer(until, [pending = in.pending] { pending->answer(Reply{}); });
}

}  // namespace

Handler ctl_handler(Sys call) {
  switch (call) {
    case Sys::ctl_jump:
      return jump;
    case Sys::proc_exit:
      return exit;
    case Sys::proc_yield:
      return yield;
    case Sys::proc_sleep:
      return sleep;
    default:
      return nullptr;
  }
}

}  // namespace phios
