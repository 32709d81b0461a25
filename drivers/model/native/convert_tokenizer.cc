// tokenizer.json, as the tokenizers library writes it, as the vocabulary of a GGUF file.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "drivers/model/native/convert.h"
#include "drivers/model/native/json_text.h"

namespace phios {

namespace {

using Json = nlohmann::json;

class TokenizerReader {
 public:
  TokenizerReader(const Json& json, const std::string& name) : json_(json), name_(name) {}

  Result<VocabData> read(uint32_t n_vocab) {
    const Json model = json_.value("model", Json::object());
    if (!model.is_object() || model.value("type", Json()) != "BPE" ||
        model.value("byte_fallback", Json()) == true)
      return fail(ErrorCode::ENOSYS_, name_ + ": no byte-level BPE; other vocabularies are not converted");
    vocab_.model = "gpt2";
    vocab_.pre = TRY(pretokenizer());
    for (uint32_t i = 0; i < n_vocab; ++i) vocab_.tokens.push_back(fmt::format("[unused{}]", i));
    vocab_.types.assign(n_vocab, static_cast<int64_t>(TokenType::kUnused));
    const Json tokens = model.value("vocab", Json());
    if (!tokens.is_object()) return bad("model.vocab is no object");
    for (const auto& [text, id] : tokens.items()) TRY(set(text, id, TokenType::kNormal));
    TRY(read_added());
    TRY(read_merges(model.value("merges", Json())));
    return std::move(vocab_);
  }

 private:
  std::unexpected<Error> bad(const std::string& what) const {
    return fail(ErrorCode::EPARSE_, fmt::format("{}: {}", name_, what));
  }

  Status set(const std::string& text, const Json& id, TokenType type) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocab_.tokens.size())
      return bad(
          fmt::format("the id of the token \"{}\" is not one of {}", printable(text), vocab_.tokens.size()));
    vocab_.tokens[id.get<size_t>()] = text;
    vocab_.types[id.get<size_t>()] = static_cast<int64_t>(type);
    return {};
  }

  Status read_added() {
    const Json added = json_.value("added_tokens", Json::array());
    if (!added.is_array()) return bad("added_tokens is no list");
    for (const Json& one : added) {
      if (!one.is_object() || !one.value("content", Json()).is_string())
        return bad("an added token has no content");
      TRY(set(one["content"].get<std::string>(), one.value("id", Json()),
              one.value("special", Json()) == true ? TokenType::kControl : TokenType::kUserDefined));
    }
    return {};
  }

  // "left right", or since 2024 ["left", "right"].
  Status read_merges(const Json& merges) {
    if (!merges.is_array()) return bad("model.merges is no list");
    for (const Json& one : merges) {
      if (one.is_string())
        vocab_.merges.push_back(one.get<std::string>());
      else if (one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_string())
        vocab_.merges.push_back(one[0].get<std::string>() + " " + one[1].get<std::string>());
      else
        return bad(fmt::format("model.merges[{}] is no pair", vocab_.merges.size()));
    }
    return {};
  }

  // The name of the rule by what the file says of it: digits one by one, or up to three of them, or as GPT-2.
  Result<std::string> pretokenizer() const {
    const std::string rule =
        json_.value("pre_tokenizer", Json()).dump(-1, ' ', false, Json::error_handler_t::replace);
    const auto has = [&](std::string_view part) { return rule.find(part) != std::string::npos; };
    if (has("\\\\p{N}{1,3}|")) return "llama-bpe";
    if (has("|\\\\p{N}|")) return "qwen2";
    if (has("\"Split\"") || !has("\"ByteLevel\""))
      return fail(ErrorCode::ENOSYS_, name_ + ": a pre_tokenizer that is not known");
    return has("\"Digits\"") ? "smollm" : "gpt-2";
  }

  const Json& json_;
  const std::string& name_;
  VocabData vocab_;
};

}  // namespace

Result<VocabData> read_tokenizer_json(const std::string& text, const std::string& name, uint32_t n_vocab) {
  const Json json = parse_json_text(text);
  if (!json.is_object()) return fail(ErrorCode::EPARSE_, name + ": no JSON object");
  VocabData vocab = TRY(TokenizerReader(json, name).read(n_vocab));
  TRY(check_vocab(vocab));
  return vocab;
}

}  // namespace phios
