// LoneSequence: one sequence by itself, without a kernel around it: its pages, and the passes over it.
//
// Ownership: borrows the model, owns its pages. Threads: one at a time. Units: tokens. Errors: ELIMIT_ when
// the positions it was made for are used up; what Model::forward says.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "drivers/api/model.h"
#include "mm/page_table.h"

namespace phios {

class LoneSequence final : private PassTail {
 public:
  // `position` counts from the sequence's start; the logits may be changed in place.
  using Sink = std::function<void(uint32_t position, std::span<float> logits)>;

  static Result<std::unique_ptr<LoneSequence>> make(Model& model, uint32_t positions);

  // Computes further tokens, in as many passes as it takes; `sink` sees the last one's logits, or all of
  // them.
  Status compute(std::span<const Token> tokens, bool all, const Sink& sink);
  void clear() { pages_.truncate(0); }
  void truncate(uint32_t n) { pages_.truncate(n); }
  uint32_t positions() const { return pages_.positions(); }  // that are computed

 private:
  LoneSequence(Model& model, std::unique_ptr<FramePool> pool)
      : model_(model), pool_(std::move(pool)), pages_(*pool_) {}
  void on_logits(size_t, uint32_t offset, std::span<float> logits) noexcept override {
    (*sink_)(first_ + offset, logits);
  }

  Model& model_;
  std::unique_ptr<FramePool> pool_;
  PageTable pages_;
  std::vector<KvSpan> view_;
  const Sink* sink_ = nullptr;  // of the call that runs
  uint32_t first_ = 0;          // position of the pass that runs
};

}  // namespace phios
