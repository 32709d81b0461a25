// Step: decode until trap, again and again. A token's way: batcher → pass → Decoder::on_logits → (frame
// complete) → on_stop → parse → dispatch → handler → result tokens into the same context → batcher.
//
// Ownership: owned by a prompt body or a ctx_generate call; borrows the decoder and the owner. Threads: runs
// on reactors; one thing at a time.
#pragma once

#include <atomic>
#include <mutex>

#include "kernel/proc/process.h"

namespace phios {

class Step final : private Decoder::Listener {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_section_end(Decoder::Stop stop) = 0;       // the model's text or form is complete
    virtual Status on_answer(std::string_view) { return {}; }  // a call's answer, before decoding goes on
    virtual void on_no_return() = 0;         // a call moved control: the owner goes on where it leads
    virtual void on_error(Error error) = 0;  // a limit, the driver, or told to end
    virtual bool return_traps() const {
      return false;
    }  // frames go to on_section_end instead of being dispatched
  };

  Step(ProcessRef process, Decoder& decoder, Owner& owner)
      : process_(std::move(process)), decoder_(decoder), owner_(owner) {}

  // Decodes from where the context stands; what follows without a choice is appended first.
  void go(uint64_t max_tokens = UINT64_MAX);
  // Computes what waits, for its numbers (kScore, kEmbed) or to have it in the pages (kPrefill).
  void compute(Decoder::Mode mode) { decoder_.start(*this, mode); }
  // The answer of the call that trapped (or that a fork's child is to see).
  void on_outcome(const Outcome& outcome);
  void signalled(Signal signal);

 private:
  void on_stop(Decoder& decoder, Decoder::Stop stop) override;
  void trap();
  bool pause_or_end();  // true: parked or ended
  void resume();

  ProcessRef process_;
  Decoder& decoder_;
  Owner& owner_;
  uint64_t tokens_left_ = UINT64_MAX;
  std::mutex mutex_;     // guards parked_
  bool parked_ = false;  // stopped by a signal with a pass to come
};

}  // namespace phios
