// A vocabulary as a GGUF file's metadata.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "drivers/model/native/convert.h"
#include "drivers/model/native/convert_parts.h"

namespace phios {

namespace {

using Json = nlohmann::json;

// The token that config.json names by its id, or tokenizer_config.json by its text; -1: neither does.
Result<int64_t> special_token(const HubJson& config, const HubJson& texts, const VocabData& vocab,
                              const std::string& of) {
  const std::string key = of + "_token_id";
  Json id = config.at(key.c_str());
  if (id.is_array() && !id.empty()) id = Json(id[0]);  // several tokens may end a text
  if (id.is_number_unsigned()) {
    if (id.get<uint64_t>() >= vocab.tokens.size())
      return config.bad(ErrorCode::EPARSE_, key + " is outside of the vocabulary");
    return id.get<int64_t>();
  }
  const std::string named = of + "_token";
  const std::string plain = texts.text(named.c_str());
  const std::string text = plain.empty() ? texts.object(named.c_str()).text("content") : plain;
  const auto found = std::ranges::find(vocab.tokens, text);
  return text.empty() || found == vocab.tokens.end() ? -1 : found - vocab.tokens.begin();
}

void write_id(GgufWriter& writer, std::string_view of, int64_t id) {
  if (id >= 0) writer.uint32(fmt::format("tokenizer.ggml.{}_token_id", of), static_cast<uint32_t>(id));
}

void write_vocabulary(const VocabData& vocab, GgufWriter& writer) {
  writer.string("tokenizer.ggml.model", vocab.model);
  writer.string("tokenizer.ggml.pre", vocab.pre);
  writer.strings("tokenizer.ggml.tokens", vocab.tokens);
  writer.int32s("tokenizer.ggml.token_type", std::vector<int32_t>(vocab.types.begin(), vocab.types.end()));
  if (!vocab.scores.empty()) writer.float32s("tokenizer.ggml.scores", vocab.scores);
  if (vocab.model == "gpt2") writer.strings("tokenizer.ggml.merges", vocab.merges);
  write_id(writer, "bos", vocab.bos);
  write_id(writer, "eos", vocab.eos);
  write_id(writer, "unknown", vocab.unknown);
  if (vocab.model == "bert") {
    write_id(writer, "cls", vocab.bos);
    write_id(writer, "seperator", vocab.eos);  // so misspelled everywhere
  }
  if (vocab.add_bos) writer.boolean("tokenizer.ggml.add_bos_token", *vocab.add_bos);
  if (vocab.add_space_prefix) writer.boolean("tokenizer.ggml.add_space_prefix", *vocab.add_space_prefix);
}

}  // namespace

Status write_hub_vocabulary(const HubJson& config, const std::string& folder, uint32_t n_vocab,
                            GgufWriter& writer) {
  const std::string file = folder + "/tokenizer.json";
  VocabData vocab = TRY(read_tokenizer_json(TRY(read_hub_file(file)), file, n_vocab));
  const HubJson texts = TRY(HubJson::open_if_there(folder + "/tokenizer_config.json"));
  if (vocab.bos < 0) vocab.bos = TRY(special_token(config, texts, vocab, "bos"));
  if (vocab.eos < 0) vocab.eos = TRY(special_token(config, texts, vocab, "eos"));
  if (!vocab.add_bos && texts.at("add_bos_token").is_boolean())
    vocab.add_bos = texts.at("add_bos_token").get<bool>();
  write_vocabulary(vocab, writer);
  if (const std::string form = texts.text("chat_template"); !form.empty())
    writer.string("tokenizer.chat_template", form);
  return {};
}

}  // namespace phios
