#include "drivers/model/native/gguf.h"
#include "drivers/model/native/tokenizer/vocab.h"

namespace phios {
namespace {

Result<std::vector<std::string>> strings_or_none(const Gguf& gguf, std::string_view key) {
  std::vector<std::string> out;
  if (!gguf.has(key)) return out;
  const std::vector<std::string_view> views = TRY(gguf.strings(key));
  out.assign(views.begin(), views.end());
  return out;
}

Result<std::optional<bool>> boolean_or_none(const Gguf& gguf, std::string_view key) {
  if (!gguf.has(key)) return std::optional<bool>();
  return std::optional<bool>(TRY(gguf.boolean(key)));
}

}  // namespace

Result<VocabData> read_vocab(const Gguf& gguf) {
  VocabData vocab;
  vocab.model = TRY(gguf.string("tokenizer.ggml.model"));
  vocab.pre = TRY(gguf.string_or("tokenizer.ggml.pre", "default"));
  vocab.tokens = TRY(strings_or_none(gguf, "tokenizer.ggml.tokens"));
  vocab.merges = TRY(strings_or_none(gguf, "tokenizer.ggml.merges"));
  if (gguf.has("tokenizer.ggml.scores")) vocab.scores = TRY(gguf.floats("tokenizer.ggml.scores"));
  if (gguf.has("tokenizer.ggml.token_type")) vocab.types = TRY(gguf.integers("tokenizer.ggml.token_type"));
  // BERT's [CLS] and [SEP] begin and end a text; the key is misspelled in the files.
  const int64_t cls = TRY(gguf.integer_or("tokenizer.ggml.cls_token_id", -1));
  const int64_t separator = TRY(gguf.integer_or("tokenizer.ggml.seperator_token_id", -1));
  vocab.bos = TRY(gguf.integer_or("tokenizer.ggml.bos_token_id", cls));
  vocab.eos = TRY(gguf.integer_or("tokenizer.ggml.eos_token_id", separator));
  vocab.eot = TRY(gguf.integer_or("tokenizer.ggml.eot_token_id", -1));
  vocab.eom = TRY(gguf.integer_or("tokenizer.ggml.eom_token_id", -1));
  vocab.unknown = TRY(gguf.integer_or("tokenizer.ggml.unknown_token_id", -1));
  vocab.add_bos = TRY(boolean_or_none(gguf, "tokenizer.ggml.add_bos_token"));
  vocab.add_space_prefix = TRY(boolean_or_none(gguf, "tokenizer.ggml.add_space_prefix"));
  return vocab;
}

}  // namespace phios
