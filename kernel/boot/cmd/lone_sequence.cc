#include "kernel/boot/cmd/lone_sequence.h"

#include <algorithm>
#include <cmath>

namespace phios {

Result<std::unique_ptr<LoneSequence>> LoneSequence::make(Model& model, uint32_t positions,
                                                         KvPolicyRef policy) {
  if (!policy) policy = TRY(find_kv_policy("full"));
  auto pool = TRY(FramePool::create(model.info().kv, positions / PHI_PAGE_TOKENS + 2));
  return std::unique_ptr<LoneSequence>(new LoneSequence(model, std::move(pool), std::move(policy)));
}

LoneSequence::LoneSequence(Model& model, std::unique_ptr<FramePool> pool, KvPolicyRef policy)
    : model_(model),
      env_(0),
      pool_(std::move(pool)),
      prefixes_(*pool_),
      pager_(env_, *pool_, prefixes_, nullptr),
      vocabulary_(model),
      context_(*pool_),
      policy_(policy),
      pass_tokens_(policy->name == "full" ? model.max_pass_positions() : PHI_PAGE_TOKENS) {}

Status LoneSequence::compute(std::span<const Token> tokens, bool all, const Sink& sink) {
  sink_ = &sink;
  context_.append(tokens, Origin::kPrompt, {});
  while (!tokens.empty()) {
    const auto chunk = tokens.first(std::min(tokens.size(), pass_tokens_));
    tokens = tokens.subspan(chunk.size());
    first_ = context_.computed();
    policy_.apply(context_, pager_, vocabulary_);
    TRY(context_.pages().append(static_cast<uint32_t>(chunk.size())));
    view_.clear();
    context_.pages().view(view_);
    PassItem item;
    item.tokens = chunk;
    item.first_pos = first_;
    item.kv = view_;
    item.attend_pages = policy_.get()->attend_pages();
    item.masses = policy_.masses(context_.pages().pages());
    item.want_all_logits = all;
    item.want_logits = tokens.empty();
    TRY(model_.forward({&item, 1}, *this));
  }
  return {};
}

double nats_of(std::span<const float> logits, Token token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x - largest));
  return std::log(sum) - static_cast<double>(logits[static_cast<size_t>(token)] - largest);
}

void LoneSequence::clear() {
  context_.truncate(0);
  policy_.set(policy_.get());
}

}  // namespace phios
