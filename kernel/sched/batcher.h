// Batcher: forms ragged batches of prefill chunks and decodes and runs the model over them, pass after pass.
//
// Ownership: kernel/boot owns it; sequences are borrowed. Threads: enqueue() and stats() from any; the pass
// runs on the batcher's one thread, which is also the model driver's first worker, and sleeps on a futex
// while nothing is ready. Sequences that need nothing from the kernel go straight into the next pass. Errors:
// when a pass fails as a whole every sequence in it leaves, with positions still waiting: that is how it
// knows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "drivers/api/model.h"
#include "kernel/base/env.h"
#include "kernel/base/trace.h"
#include "kernel/sched/policy.h"
#include "kernel/sched/sequence.h"

namespace phios {

struct BatcherStats {
  uint64_t passes = 0, sequences = 0, positions = 0;  // sums over passes
  uint64_t model_ns = 0,
           kernel_ns = 0;  // of the pass thread: forward apart from its tails; prepare, policy and tails
  uint64_t largest_batch = 0;
};

class Batcher final : private PassTail {
 public:
  Batcher(Env& env, Trace& trace, Model& model);
  ~Batcher() override;  // stop()
  void enqueue(Sequence& sequence) noexcept;
  void stop();  // every sequence inside leaves
  BatcherStats stats() const noexcept;

 private:
  void loop();
  void drain_inbox();
  bool run_pass();
  bool form_pass(Nanos begin, bool last_resort);
  Sequence::Next ask(const Slot& slot, Nanos begin, bool last_resort);
  void compute_pass(Nanos begin);
  void on_logits(size_t index, uint32_t position, std::span<float> logits) noexcept override;
  void finish_pass(bool failed);

  Env& env_;
  Trace& trace_;
  Model& model_;
  PassLimits limits_;
  std::atomic<Sequence*> inbox_{nullptr};
  std::atomic<uint32_t> wakeups_{0};
  std::atomic<bool> stopping_{false};

  // Of the pass thread alone. Vectors keep their capacity: between passes nothing is allocated.
  std::vector<Sequence*> active_;
  std::vector<Candidate> candidates_;
  std::vector<uint32_t> order_;
  std::vector<Slot> slots_;
  std::vector<PassItem> items_;
  std::vector<uint32_t> item_owner_;     // index into active_
  std::vector<Sequence::Next> outcome_;  // of each item
  std::atomic<uint64_t> tail_ns_{0};

  std::atomic<uint64_t> passes_{0}, sequences_{0}, positions_{0}, model_ns_{0}, kernel_ns_{0}, largest_{0};
  std::thread thread_;
};

}  // namespace phios
