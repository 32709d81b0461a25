#include "drivers/model/native/observed_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "drivers/model/native/forward.h"
#include "drivers/model/native/subnormals.h"
#include "drivers/model/native/weights.h"
#include "mm/frame_pool.h"
#include "mm/page_table.h"

namespace phios {

namespace {

class NoTail final : public PassTail {
  void on_logits(size_t, uint32_t, std::span<float>) noexcept override {}
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
  const auto frames = TRY(FramePool::create(weights.kv(), (window + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS));
  const FlushSubnormals flush;
  NoTail tail;
  for (size_t at = 0; at < tokens.size(); at += window) {
    const std::span<const Token> part = tokens.subspan(at, std::min<size_t>(window, tokens.size() - at));
    PageTable pages(*frames);
    TRY(pages.append(static_cast<uint32_t>(part.size())));
    std::vector<KvSpan> kv;
    pages.view(kv);
    // With hidden states wanted no row is left out of the last layer.
    const PassItem item{.tokens = part, .kv = kv, .want_hidden = true};
    forward->run({&item, 1}, tail);
    if (done) done(at + part.size());
  }
  return {};
}

}  // namespace phios
