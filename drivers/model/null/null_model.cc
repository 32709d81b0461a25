#include "drivers/model/null/null_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/model/native/random_model.h"
#include "drivers/model/native/tokenizer/tokenizer.h"
#include "kernel/base/env.h"

namespace phios {

namespace {

constexpr uint32_t kRows = 64;  // rows of logits that the tokens share
constexpr Token kEndOfText = 259;
// The least shape whose frames fill whole cache lines.
constexpr KvShape kShape{.n_layers = 1, .n_kv_heads = 1, .head_dim = 1};
static_assert(kShape.frame_bytes() % 64 == 0);

class NullModel final : public Model {
 public:
  NullModel(const NullOptions& options, std::unique_ptr<Tokenizer> tokenizer)
      : max_pass_positions_(options.max_pass_positions), tokenizer_(std::move(tokenizer)) {
    info_.name = info_.architecture = "null";
    info_.n_vocab = options.n_vocab;
    info_.n_layers = info_.n_heads = info_.n_kv_heads = info_.n_embd = info_.head_dim = 1;
    info_.context_length = options.context_length;
    info_.kv = kShape;
    info_.id = options.n_vocab;
    table_.resize(size_t{kRows} * info_.n_vocab);
    for (size_t i = 0; i < table_.size(); ++i)
      table_[i] = static_cast<float>(derive_seed(info_.n_vocab, i) >> 40) * 0x1p-20f;
    scratch_.resize(info_.n_vocab);
  }

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  uint32_t max_pass_positions() const override { return max_pass_positions_; }

  Status forward(std::span<const PassItem> items, PassTail& tail) override {
    for (size_t i = 0; i < items.size(); ++i) {
      const PassItem& item = items[i];
      if (item.tokens.empty() || (!item.want_logits && !item.want_all_logits && !item.want_hidden)) continue;
      const auto last = static_cast<uint32_t>(item.tokens.size() - 1);
      for (uint32_t t = item.want_all_logits ? 0 : last; t <= last; ++t) tell(item, i, t, tail);
    }
    return {};
  }

 private:
  // The callee may change what it is given: each gets a copy.
  void tell(const PassItem& item, size_t index, uint32_t offset, PassTail& tail) {
    const auto token = static_cast<uint64_t>(item.tokens[offset]);
    const size_t row = derive_seed(token, item.first_pos + offset) % kRows;
    std::copy_n(table_.begin() + static_cast<ptrdiff_t>(row * info_.n_vocab), info_.n_vocab,
                scratch_.begin());
    const size_t n = item.want_hidden ? info_.n_embd : info_.n_vocab;
    tail.on_logits(index, offset, {scratch_.data(), n});
  }

  ModelInfo info_;
  uint32_t max_pass_positions_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<float> table_;    // [kRows][n_vocab]
  std::vector<float> scratch_;  // [n_vocab]
};

}  // namespace

Result<std::unique_ptr<Model>> open_null_model(const NullOptions& options) {
  if (options.n_vocab < kByteVocabulary || options.n_vocab > PHI_VOCAB_MAX || options.max_pass_positions < 1)
    return fail(ErrorCode::EINVAL_,
                fmt::format("null model: a vocabulary of {}, {} to {} tokens are possible", options.n_vocab,
                            kByteVocabulary, PHI_VOCAB_MAX));
  VocabData vocab;
  vocab.model = "gpt2";
  vocab.pre = "gpt-2";
  vocab.tokens = byte_vocabulary(options.n_vocab);
  const std::vector<int32_t> types = byte_vocabulary_types(options.n_vocab);
  vocab.types.assign(types.begin(), types.end());
  vocab.merges = {"Ġ Ġ"};
  vocab.bos = vocab.eos = kEndOfText;
  vocab.add_bos = true;
  return std::make_unique<NullModel>(options, TRY(make_tokenizer(vocab)));
}

}  // namespace phios
