#include "drivers/model/null/null_model.h"

#include <fmt/core.h>

#include <algorithm>

#include "kernel/base/env.h"

namespace phios {

namespace {

constexpr Token kSys = 256, kEnd = 257, kRet = 258, kEndOfText = 259, kFirstWord = 260;
constexpr uint32_t kPassPositions = 4096;

class NullTokenizer final : public Tokenizer {
 public:
  explicit NullTokenizer(uint32_t n_vocab) {
    for (uint32_t token = 0; token < n_vocab; token++) {
      if (token < 256) {
        bytes_.emplace_back(1, static_cast<char>(token));
      } else {
        bytes_.push_back(token < kFirstWord ? std::string() : fmt::format("w{:x}", token));
      }
    }
  }
  uint32_t size() const override { return static_cast<uint32_t>(bytes_.size()); }
  std::vector<Token> encode(std::string_view text, bool) const override {
    std::vector<Token> tokens;
    for (const char c : text) tokens.push_back(static_cast<uint8_t>(c));
    return tokens;
  }
  std::string_view bytes(Token token) const override { return bytes_[static_cast<size_t>(token)]; }
  bool is_control(Token token) const override { return token >= 256 && token < kFirstWord; }
  Token bos() const override { return kEndOfText; }
  bool adds_bos() const override { return true; }
  bool is_end(Token token) const override { return token == kEndOfText; }
  Token end() const override { return kEndOfText; }
  Token marker(std::string_view name) const override {
    return name == "<|phi_sys|>" ? kSys : name == "<|phi_end|>" ? kEnd : name == "<|phi_ret|>" ? kRet : -1;
  }

 private:
  std::vector<std::string> bytes_;
};

class NullModel final : public Model {
 public:
  explicit NullModel(const NullModelOptions& options) : tokenizer_(options.n_vocab), logits_(options.n_vocab) {
    info_.name = "null";
    info_.architecture = "null";
    info_.n_vocab = options.n_vocab;
    info_.context_length = options.context_length;
    info_.kv = options.kv;
    info_.id = 1;
  }
  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  uint32_t max_pass_positions() const override { return kPassPositions; }

  Status forward(std::span<const PassItem> items, PassTail& tail) override {
    for (size_t i = 0; i < items.size(); i++) {
      const PassItem& item = items[i];
      const uint32_t n = static_cast<uint32_t>(item.tokens.size());
      if (item.want_hidden) {
        std::fill(logits_.begin(), logits_.end(), 0.0f);
        tail.on_logits(i, n - 1, logits_);
        continue;
      }
      for (uint32_t k = item.want_all_logits ? 0 : n - 1; k < n && (item.want_logits || item.want_all_logits); k++) {
        make_logits(item, k);
        tail.on_logits(i, k, logits_);
      }
    }
    return {};
  }

 private:
  // Sixteen tokens stand out, so that greedy decoding wanders through the vocabulary; the rest lie flat.
  void make_logits(const PassItem& item, uint32_t k) {
    constexpr uint32_t kOutstanding = 16;
    std::fill(logits_.begin(), logits_.end(), 0.0f);
    uint64_t seed = derive_seed(item.first_pos + k, static_cast<uint64_t>(item.tokens[k]));
    for (uint32_t j = 0; j < kOutstanding; j++) {
      seed = derive_seed(seed, j);
      logits_[seed % logits_.size()] = 1.0f + static_cast<float>(seed >> 40) * 0x1p-24f;
    }
  }

  ModelInfo info_;
  NullTokenizer tokenizer_;
  std::vector<float> logits_;
};

}  // namespace

Result<std::unique_ptr<Model>> make_null_model(const NullModelOptions& options) {
  if (options.n_vocab < kFirstWord || options.n_vocab > PHI_VOCAB_MAX) {
    return fail(ErrorCode::EINVAL_, fmt::format("null model: a vocabulary of {} to {} tokens, not {}", kFirstWord, PHI_VOCAB_MAX, options.n_vocab));
  }
  return std::make_unique<NullModel>(options);
}

}  // namespace phios
