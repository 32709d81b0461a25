#include "kernel/proc/step.h"

#include "kernel/proc/kernel.h"
#include "syscalls/codec/text.h"

namespace phios {

void Step::go(uint64_t max_tokens) {
  tokens_left_ = max_tokens;
  const Result<Matcher::Event> event = decoder_.append_forced();
  if (!event) return owner_.on_error(event.error());
  // A frame that is forced as a whole traps from a reactor: a program of such frames would else never leave
  // this stack.
  switch (*event) {
    case Matcher::Event::kFrame:
      return decoder_.leave_with(*this, Decoder::Stop::kFrame);
    case Matcher::Event::kSectionDone:
      return decoder_.leave_with(*this, Decoder::Stop::kSection);
    case Matcher::Event::kEndOfText:
      return decoder_.leave_with(*this, Decoder::Stop::kEndOfText);
    case Matcher::Event::kNone:
      resume();
  }
}

void Step::resume() {
  if (pause_or_end()) return;
  process_->set_state(ProcessState::kRunning);
  decoder_.start(*this, Decoder::Mode::kDecode, tokens_left_);
}

bool Step::pause_or_end() {
  if (process_->told_to_end()) {
    owner_.on_error({ErrorCode::EINTR_, process_->end_reason()});
    return true;
  }
  std::lock_guard lock(mutex_);
  if (!process_->stopped()) return false;
  parked_ = true;
  process_->set_state(ProcessState::kStopped);
  return true;
}

void Step::signalled(Signal signal) {
  const bool ends = signal == Signal::kInt || signal == Signal::kTerm || signal == Signal::kKill;
  if (signal == Signal::kStop || ends) decoder_.interrupt();
  bool was_parked = false;
  {
    std::lock_guard lock(mutex_);
    if (signal != Signal::kStop) was_parked = std::exchange(parked_, false);
  }
  if (!was_parked) return;
  process_->kernel().runtime().post_function([this, keep = process_] {
    decoder_.clear_interrupt();
    resume();
  });
}

void Step::on_stop(Decoder&, Decoder::Stop stop) {
  switch (stop) {
    case Decoder::Stop::kFrame:
      if (owner_.return_traps()) return owner_.on_section_end(stop);
      return trap();
    case Decoder::Stop::kInterrupted:
      decoder_.clear_interrupt();
      return resume();
    case Decoder::Stop::kError:
      return owner_.on_error(decoder_.error());
    case Decoder::Stop::kSection:
    case Decoder::Stop::kEndOfText:
    case Decoder::Stop::kMaxTokens:
    case Decoder::Stop::kComputed:
      return owner_.on_section_end(stop);
  }
}

void Step::trap() {
  process_->set_state(ProcessState::kTrapped);
  process_->stats.traps.fetch_add(1, std::memory_order_relaxed);
  Result<Call> call = parse_call(decoder_.frame());
  if (!call) return on_outcome({std::unexpected(call.error()), false});
  decoder_.expect_wait(process_->kernel().call_times().expected(call->spec->number));
  process_->kernel().dispatcher().dispatch(
      process_, std::move(*call), kNever,
      [this, keep = process_](const Outcome& outcome) { on_outcome(outcome); });
}

void Step::on_outcome(const Outcome& outcome) {
  if (process_->told_to_end()) return owner_.on_error({ErrorCode::EINTR_, process_->end_reason()});
  if (outcome.no_return) return owner_.on_no_return();
  const std::string answer = print_reply(outcome.reply);
  decoder_.context().append(process_->kernel().decode().vocabulary.result(answer), Origin::kResult, {});
  if (Status taken = owner_.on_answer(answer); !taken) return owner_.on_error(std::move(taken).error());
  if (decoder_.matcher().frame_answered()) return owner_.on_section_end(Decoder::Stop::kSection);
  go(tokens_left_);
}

}  // namespace phios
