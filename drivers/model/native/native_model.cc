#include "drivers/model/native/native_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "drivers/model/native/data_parallel.h"
#include "drivers/model/native/forward.h"
#include "drivers/model/native/gguf.h"
#include "drivers/model/native/subnormals.h"
#include "drivers/model/native/tokenizer/chat.h"
#include "drivers/model/native/tokenizer/tokenizer.h"
#include "drivers/model/native/weights.h"

namespace phios {

namespace {

class NativeModel final : public Model {
 public:
  NativeModel(std::vector<std::byte> bytes, Gguf file, Weights weights, std::unique_ptr<Tokenizer> tokenizer)
      : bytes_(std::move(bytes)),
        file_(std::move(file)),
        weights_(std::move(weights)),
        tokenizer_(std::move(tokenizer)) {}

  Status start(const NativeOptions& options);

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::vector<Token> encode_turn(ChatTurn turn, std::string_view text) const override {
    return encode_pieces(*tokenizer_, render_turn(info_.chat_template, turn, text));
  }
  Status forward(std::span<const PassItem> items, PassTail& tail) override;
  uint32_t max_pass_positions() const override { return forward_->max_rows(); }

 private:
  Status check(const PassItem& item, size_t index) const;

  std::vector<std::byte> bytes_;  // of the file, if it is ours
  Gguf file_;
  Weights weights_;
  std::unique_ptr<Tokenizer> tokenizer_;
  ModelInfo info_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<Forward> forward_;
  std::unique_ptr<DataParallel> parallel_;
};

Result<const Kernels*> choose_kernels(std::string_view wanted) {
  if (wanted.empty()) return &best_kernels();
  for (const Kernels* k : supported_kernels())
    if (k->name == wanted) return k;
  return fail(ErrorCode::ENOENT_, fmt::format("no instruction set \"{}\" on this processor", wanted));
}

Status NativeModel::start(const NativeOptions& options) {
  const ModelConfig& c = weights_.config();
  info_ = {.name = c.name,
           .architecture = c.architecture,
           .chat_template =
               std::string(recognise_chat_template(TRY(file_.string_or("tokenizer.chat_template", "")))),
           .parameters = weights_.parameters(),
           .file_bytes = file_.file_bytes(),
           .n_vocab = c.n_vocab,
           .n_layers = c.n_layers,
           .n_embd = c.n_embd,
           .n_heads = c.n_heads,
           .n_kv_heads = c.n_kv_heads,
           .head_dim = c.head_dim,
           .context_length = c.context_length,
           .kv = weights_.kv(),
           .id = hash_weights(file_) + c.long_factors};  // pages turned otherwise are another model's
  if (tokenizer_->size() > c.n_vocab)
    return fail(ErrorCode::EPARSE_, fmt::format("{}: the vocabulary has {} tokens, the embedding {} rows",
                                                file_.name(), tokenizer_->size(), c.n_vocab));
  const uint32_t rows = std::clamp(options.max_pass_positions, 1u, kPassPositionsMax);
  const Kernels& kernels = *TRY(choose_kernels(options.instruction_set));
  pool_ = std::make_unique<WorkerPool>(options.threads);
  forward_ = TRY(Forward::create(weights_, kernels, *pool_, rows));
  parallel_ = TRY(DataParallel::create(weights_, kernels, *pool_));
  return {};
}

// A pass trusts its items; what would read or write outside of them stops here.
Status NativeModel::check(const PassItem& item, size_t index) const {
  const auto bad = [&](const std::string& what) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("item {} of the pass, sequence {}: {}", index, item.sequence, what));
  };
  if (item.tokens.empty()) return bad("no tokens");
  for (const Token t : item.tokens)
    if (t < 0 || static_cast<uint32_t>(t) >= info_.n_vocab)
      return bad(fmt::format("token {} is not one of {}", t, info_.n_vocab));
  const uint64_t end = uint64_t{item.first_pos} + item.tokens.size();
  if (end > PHI_CONTEXT_MAX) return bad(fmt::format("position {} is beyond {}", end - 1, PHI_CONTEXT_MAX));
  // The pages that are written stand at the end of the list, without holes.
  uint64_t next = end;
  for (size_t i = item.kv.size(); next > item.first_pos; --i) {
    if (i == 0) return bad(fmt::format("no page holds position {}", next - 1));
    const KvSpan& span = item.kv[i - 1];
    if (span.first_pos % PHI_PAGE_TOKENS != 0 || span.n > PHI_PAGE_TOKENS || !span.frame)
      return bad(fmt::format("the page at position {} is out of shape", span.first_pos));
    if (span.tier != KvTier::kF16)
      return bad(fmt::format("the page at position {} is compressed and cannot be written", span.first_pos));
    if (uint64_t{span.first_pos} + span.n != next || span.n == 0)
      return bad(fmt::format("no page holds position {}", next - 1));
    next = span.first_pos;
  }
  if (!item.masses.empty() && item.masses.size() * PHI_PAGE_TOKENS < end)
    return bad(fmt::format("{} masses for {} positions", item.masses.size(), end));
  return {};
}

Status NativeModel::forward(std::span<const PassItem> items, PassTail& tail) {
  size_t rows = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    TRY(check(items[i], i));
    rows += items[i].tokens.size();
  }
  if (rows > max_pass_positions())
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("a pass of {} positions, at most {} are taken", rows, max_pass_positions()));
  const FlushSubnormals flush;
  if (parallel_->suits(items))
    parallel_->run(items, tail);
  else if (rows > 0)
    forward_->run(items, tail);
  return {};
}

Result<std::unique_ptr<Model>> make_model(std::vector<std::byte> bytes, Gguf file,
                                          const NativeOptions& options) {
  Weights weights = TRY(Weights::load(file, options.context_length));
  std::unique_ptr<Tokenizer> tokenizer = TRY(make_tokenizer(file));
  auto model = std::make_unique<NativeModel>(std::move(bytes), std::move(file), std::move(weights),
                                             std::move(tokenizer));
  TRY(model->start(options));
  return model;
}

}  // namespace

Result<std::unique_ptr<Model>> open_native_model(const std::string& path, const NativeOptions& options) {
  return make_model({}, TRY(Gguf::open(path)), options);
}

Result<std::unique_ptr<Model>> open_native_model(std::span<const std::byte> bytes, std::string name,
                                                 const NativeOptions& options) {
  return make_model({}, TRY(Gguf::parse(bytes, std::move(name))), options);
}

Result<std::unique_ptr<Model>> open_native_model(std::vector<std::byte> bytes, std::string name,
                                                 const NativeOptions& options) {
  Gguf file =
      TRY(Gguf::parse(bytes, std::move(name)));  // its views stay valid: a moved vector keeps its memory
  return make_model(std::move(bytes), std::move(file), options);
}

}  // namespace phios
