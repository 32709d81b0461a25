// LoneSequence: one sequence by itself, without a kernel around it: its pages, and the passes over it.
//
// Ownership: borrows the model, owns its pages. Threads: one at a time. Units: tokens. Errors: ELIMIT_ when
// the positions it was made for are used up; what Model::forward says.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "drivers/api/model.h"
#include "kernel/proc/context.h"
#include "kernel/proc/page_policy.h"
#include "mm/pager.h"

namespace phios {

class LoneSequence final : private PassTail {
 public:
  // `position` counts from the sequence's start; the logits may be changed in place.
  using Sink = std::function<void(uint32_t position, std::span<float> logits)>;

  // Under a policy a pass has no more than a page of tokens: each of them sees what the policy has left of
  // those before.
  static Result<std::unique_ptr<LoneSequence>> make(Model& model, uint32_t positions,
                                                    KvPolicyRef policy = nullptr);

  // Computes further tokens, in as many passes as it takes; `sink` sees the last one's logits, or all of
  // them.
  Status compute(std::span<const Token> tokens, bool all, const Sink& sink);
  void clear();
  void truncate(uint32_t n) { context_.truncate(n); }
  uint32_t positions() const { return context_.computed(); }

 private:
  LoneSequence(Model& model, std::unique_ptr<FramePool> pool, KvPolicyRef policy);
  void on_logits(size_t, uint32_t offset, std::span<float> logits) noexcept override {
    (*sink_)(first_ + offset, logits);
  }

  Model& model_;
  SystemEnv env_;
  std::unique_ptr<FramePool> pool_;
  PrefixTree prefixes_;
  Pager pager_;
  Vocabulary vocabulary_;
  Context context_;
  PagePolicy policy_;
  size_t pass_tokens_;
  std::vector<KvSpan> view_;
  const Sink* sink_ = nullptr;  // of the call that runs
  uint32_t first_ = 0;          // position of the pass that runs
};

// The negative log probability (nats) that a row of logits gives a token.
double nats_of(std::span<const float> logits, Token token);

}  // namespace phios
