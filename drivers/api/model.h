// Model: what the kernel asks of a model driver: a vocabulary, and forward passes over ragged batches of
// sequences whose KV lives in mm's frames.
//
// Ownership: kernel/boot owns the model; items of a pass stay with the caller until forward() returns.
// Threads: forward() by one thread at a time (the driver fans out to its own workers and joins them);
// tokenizer and info from any thread. Lifetime: outlives every process that uses it. Units: tokens, bytes.
// Errors: forward() reports a pass that could not be computed as a whole; on_logits never fails.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "mm/kv_view.h"

namespace phios {

class PageStream;

using Token = int32_t;

struct ModelInfo {
  std::string name;           // general.name of the file, or its path
  std::string architecture;   // "llama", "qwen2", "null"
  std::string chat_template;  // as recognised: "" (none), "chatml", "llama3", "llama2", "zephyr", …
  uint64_t parameters = 0;
  uint64_t file_bytes = 0;
  uint32_t n_vocab = 0;
  uint32_t n_layers = 0;
  uint32_t n_embd = 0;
  uint32_t n_heads = 0;
  uint32_t n_kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t context_length = 0;
  KvShape kv;       // how a frame is laid out
  uint64_t id = 0;  // hash of the weights: contexts and prefixes of one model never serve another
};

// A vocabulary. Thread safe; no call allocates in the model.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual uint32_t size() const = 0;
  // Text → tokens. Control tokens are recognised in the text only if `parse_special`: text from outside never
  // gets it. No BOS is added.
  virtual std::vector<Token> encode(std::string_view text, bool parse_special) const = 0;
  // The bytes that a token stands for (empty for control tokens).
  virtual std::string_view bytes(Token token) const = 0;
  virtual bool is_control(Token token) const = 0;
  virtual Token bos() const = 0;               // -1: none
  virtual bool adds_bos() const = 0;           // does the model expect BOS at the start of a context
  virtual bool is_end(Token token) const = 0;  // ends a generation (EOS, EOT, …)
  virtual Token end() const = 0;               // the one to be offered under a mask; -1: none
  virtual Token marker(
      std::string_view name) const = 0;  // the single token of "<|phi_sys|>" and the like; -1: spelled out
};

// What a chat model's context is made of, in this order: the system's text, the user's first, what the model
// answers, and the user's next ones, each of which ends the answer before it.
enum class ChatTurn : uint8_t { kSystem, kUser, kNextUser };

// The attention that a page has received, averaged over heads and over the layers that the driver looks at:
// each position gives 1 in all, shared out among the pages that it sees.
struct PageMass {
  float total = 0;   // of all positions so far
  float recent = 0;  // the same, but with each position what came before it fades by kMassFade
};
inline constexpr float kMassFade = 1.0f - 1.0f / 32;

// One sequence's part in a pass. Positions first_pos … first_pos + tokens.size() - 1 are computed and written
// into the KV pages, which kv covers: kv lists every page from position 0 (holes allowed) up to and including
// those that are written.
struct PassItem {
  uint64_t sequence = 0;
  std::span<const Token> tokens;
  uint32_t first_pos = 0;
  std::span<const KvSpan> kv;
  bool want_logits = true;  // of the last position
  bool want_all_logits =
      false;  // of every position: tail.on_logits is called once for each, in order, by one thread
  // 0: every page is attended to. Else the first pages, the newest, and for each KV head so many of the
  // others, chosen by an upper bound of their scores (Quest, arXiv 2406.10774).
  uint32_t attend_pages = 0;
  std::span<PageMass> masses = {};  // empty, or one for each page from position 0, to which the pass adds
  // Pages of kv without a frame lie on disk: the driver enter()s and leave()s each layer that reads pages; of
  // a stream that chooses with those that it will read.
  PageStream* stream = nullptr;
  bool want_hidden = false;  // the mean of the last hidden states (after the final norm) instead of logits
};

// The tail of a pass, implemented by the kernel. Called on the driver's workers, in parallel over items, once
// the item's logits are there.
class PassTail {
 public:
  virtual ~PassTail() = default;
  // logits: n_vocab floats, which the callee may change in place; valid during the call. `index` is the
  // item's place in the batch, `position` the offset within item.tokens.
  virtual void on_logits(size_t index, uint32_t position, std::span<float> logits) noexcept = 0;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  // A turn in the model's chat form, if it has one; its markers alone are control tokens, never the text's.
  virtual std::vector<Token> encode_turn(ChatTurn, std::string_view text) const {
    return tokenizer().encode(text, false);
  }
  // Computes a ragged batch: any mix of prefill chunks and single tokens. Returns when every item's tail has
  // been called. Each sequence's result is the same whatever stands beside it in the batch.
  virtual Status forward(std::span<const PassItem> items, PassTail& tail) = 0;
  // The most positions that one forward() takes in all.
  virtual uint32_t max_pass_positions() const = 0;
};

}  // namespace phios
