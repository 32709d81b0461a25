#include "drivers/model/native/observed_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "drivers/model/native/forward.h"
#include "drivers/model/native/subnormals.h"
#include "drivers/model/native/weights.h"

namespace phios {

namespace {

class NoTail final : public PassTail {
  void on_logits(size_t, uint32_t, std::span<float>) noexcept override {}
};

// f16 pages for one context, used again by the next.
class ContextPages {
 public:
  static Result<ContextPages> create(const KvShape& shape, uint32_t positions) {
    const size_t pages = (positions + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS;
    return ContextPages(TRY(Arena::create(pages * shape.frame_bytes())), shape.frame_bytes(), pages);
  }

  std::span<const KvSpan> view(uint32_t positions) {
    view_.clear();
    for (uint32_t first = 0; first < positions; first += PHI_PAGE_TOKENS)
      view_.push_back({frames_[first / PHI_PAGE_TOKENS], KvTier::kF16, first,
                       std::min<uint32_t>(PHI_PAGE_TOKENS, positions - first)});
    return view_;
  }

 private:
  ContextPages(Arena memory, size_t frame_bytes, size_t pages) : memory_(std::move(memory)) {
    for (size_t i = 0; i < pages; ++i) frames_.push_back(static_cast<std::byte*>(memory_.take(frame_bytes)));
  }

  Arena memory_;
  std::vector<std::byte*> frames_;
  std::vector<KvSpan> view_;
};

}  // namespace

Status observe_text(const Gguf& file, std::span<const Token> tokens, PassObserver& observer,
                    const std::function<void(size_t tokens)>& done) {
  const Weights weights = TRY(Weights::load(file));
  const ModelConfig& c = weights.config();
  for (const Token t : tokens)
    if (t < 0 || static_cast<uint32_t>(t) >= c.n_vocab)
      return fail(ErrorCode::EPARSE_,
                  fmt::format("{}: token {} has no embedding of {}", file.name(), t, c.n_vocab));
  const uint32_t window = std::min(kObservedWindow, c.context_length);
  WorkerPool pool(0);
  const auto forward = TRY(Forward::create(weights, best_kernels(), pool, window));
  forward->observe(&observer);
  ContextPages pages = TRY(ContextPages::create(weights.kv(), window));
  const FlushSubnormals flush;
  NoTail tail;
  for (size_t at = 0; at < tokens.size(); at += window) {
    const std::span<const Token> part = tokens.subspan(at, std::min<size_t>(window, tokens.size() - at));
    // With hidden states wanted no row is left out of the last layer.
    const PassItem item{
        .tokens = part, .kv = pages.view(static_cast<uint32_t>(part.size())), .want_hidden = true};
    forward->run({&item, 1}, tail);
    if (done) done(at + part.size());
  }
  return {};
}

}  // namespace phios
