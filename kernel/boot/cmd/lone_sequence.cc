#include "kernel/boot/cmd/lone_sequence.h"

#include <algorithm>

namespace phios {

Result<std::unique_ptr<LoneSequence>> LoneSequence::make(Model& model, uint32_t positions) {
  auto pool = TRY(FramePool::create(model.info().kv, positions / PHI_PAGE_TOKENS + 2));
  return std::unique_ptr<LoneSequence>(new LoneSequence(model, std::move(pool)));
}

Status LoneSequence::compute(std::span<const Token> tokens, bool all, const Sink& sink) {
  sink_ = &sink;
  while (!tokens.empty()) {
    const auto chunk = tokens.first(std::min<size_t>(tokens.size(), model_.max_pass_positions()));
    tokens = tokens.subspan(chunk.size());
    first_ = pages_.positions();
    TRY(pages_.append(static_cast<uint32_t>(chunk.size())));
    view_.clear();
    pages_.view(view_);
    PassItem item;
    item.tokens = chunk;
    item.first_pos = first_;
    item.kv = view_;
    item.want_all_logits = all;
    item.want_logits = tokens.empty();
    TRY(model_.forward({&item, 1}, *this));
  }
  return {};
}

}  // namespace phios
