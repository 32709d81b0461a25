// Sequence: what the batcher sees of a context that wants positions computed. Implemented by
// kernel/proc/decoder.
//
// Ownership: the batcher borrows it from enqueue() until left() is called. Threads: between the two only the
// batcher's pass and its workers touch it. Order: prepare → (pass) → on_logits, again and again, then left()
// once.
#pragma once

#include <cstdint>
#include <span>

#include "drivers/api/model.h"

namespace phios {

class Sequence {
 public:
  enum class Next : uint8_t {
    kRun,    // prepare: the item is filled. on_logits: goes straight into the next pass
    kWait,   // prepare: no frames at present; asks again before the next pass
    kLeave,  // leaves the batch
  };

  virtual ~Sequence() = default;
  virtual int niceness() const noexcept = 0;
  virtual uint32_t waiting() const noexcept = 0;           // positions that wait to be computed
  virtual uint32_t least() const noexcept { return 1; }    // of them, that it can take at a time
  virtual uint32_t guesses() const noexcept { return 0; }  // that it would like to have verified with them
  // Takes at most `room` of the waiting positions into the next pass. `last_resort`: nothing else can run, so
  // a wait would never end.
  virtual Next prepare(uint32_t room, bool last_resort, PassItem& item) noexcept = 0;
  virtual Next on_logits(uint32_t position, std::span<float> logits) noexcept = 0;
  // The pass computed n positions and has no logits for it (a chunk of prefill).
  virtual Next on_computed() noexcept = 0;
  virtual void left() noexcept = 0;

  Sequence* next_in_inbox = nullptr;  // the batcher's own link
  int64_t enqueued_at = 0;
  bool waits_to_run = false;  // no pass has taken it yet since it was enqueued
};

}  // namespace phios
