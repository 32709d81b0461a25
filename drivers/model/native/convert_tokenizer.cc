// tokenizer.json, as the tokenizers library writes it, as the vocabulary of a GGUF file.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "drivers/model/native/convert.h"
#include "drivers/model/native/json_text.h"
#include "drivers/model/native/tokenizer/text_codec.h"

namespace phios {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kSpaceMark = "▁", kGoesOn = "##";

// What stands at the key of what may be no object; null: nothing does.
const Json& member(const Json& from, const char* key) {
  static const Json none;
  const auto found = from.is_object() ? from.find(key) : from.end();
  return found == from.end() ? none : *found;
}

// A step by itself, or the steps of a sequence of them.
std::vector<Json> steps_of(const Json& step, const char* list) {
  if (step.is_null()) return {};
  const Json& steps = member(step, list);
  if (!steps.is_array()) return {step};
  return {steps.begin(), steps.end()};
}

class TokenizerReader {
 public:
  TokenizerReader(const Json& json, const std::string& name)
      : json_(json), name_(name), model_(member(json, "model")) {}

  Result<VocabData> read(uint32_t n_vocab) {
    const Json& kind = member(model_, "type");
    const bool bpe = kind == "BPE" || (kind.is_null() && !member(model_, "merges").is_null());
    if (!bpe && kind != "WordPiece")
      return refuse("model.type is " + shown(kind) + "; BPE and WordPiece are converted");
    TRY(make_room(n_vocab));
    if (!bpe) {
      TRY(read_word_piece());
    } else if (member(model_, "byte_fallback") == true) {
      TRY(read_sentence_piece());
    } else {
      TRY(read_byte_level());
    }
    read_first_token();
    return std::move(vocab_);
  }

 private:
  static std::string shown(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 64);
  }
  std::unexpected<Error> bad(const std::string& what) const {
    return fail(ErrorCode::EPARSE_, fmt::format("{}: {}", name_, what));
  }
  std::unexpected<Error> refuse(const std::string& what) const {
    return fail(ErrorCode::ENOSYS_, fmt::format("{}: {}", name_, what));
  }

  // Every token unused, until the file names it.
  Status make_room(uint32_t n_vocab) {
    const Json &tokens = member(model_, "vocab"), &added = member(json_, "added_tokens");
    if (!tokens.is_object()) return bad("model.vocab is no object");
    if (!added.is_null() && !added.is_array()) return bad("added_tokens is no list");
    uint64_t n = n_vocab;
    const auto reach = [&](const Json& id) {
      if (n_vocab == 0 && id.is_number_unsigned())
        n = std::max(n, std::min<uint64_t>(id.get<uint64_t>(), kVocabTokensMax) + 1);
    };
    for (const auto& [text, id] : tokens.items()) reach(id);
    for (const Json& one : added) reach(member(one, "id"));
    if (n > kVocabTokensMax) return bad(fmt::format("a token's id is above {}", kVocabTokensMax - 1));
    for (uint64_t i = 0; i < n; ++i) vocab_.tokens.push_back(fmt::format("[unused{}]", i));
    vocab_.types.assign(n, static_cast<int64_t>(TokenType::kUnused));
    return {};
  }

  Status set(const std::string& text, const Json& id, TokenType type) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocab_.tokens.size())
      return bad(
          fmt::format("the id of the token \"{}\" is not one of {}", printable(text), vocab_.tokens.size()));
    vocab_.tokens[id.get<size_t>()] = text;
    vocab_.types[id.get<size_t>()] = static_cast<int64_t>(type);
    return {};
  }

  // Those beyond what the model has embeddings of (pictures' places) are nothing to it.
  Status read_added() {
    for (const Json& one : member(json_, "added_tokens")) {
      const Json &content = member(one, "content"), &id = member(one, "id");
      if (!content.is_string()) return bad("an added token has no content");
      if (id.is_number_unsigned() && id.get<uint64_t>() >= vocab_.tokens.size()) continue;
      TRY(set(content.get<std::string>(), id,
              member(one, "special") == true ? TokenType::kControl : TokenType::kUserDefined));
    }
    return {};
  }

  void read_unknown() {
    const Json& text = member(model_, "unk_token");
    const auto found = std::ranges::find(vocab_.tokens, text.is_string() ? text.get<std::string>() : "");
    if (found != vocab_.tokens.end()) vocab_.unknown = found - vocab_.tokens.begin();
  }

  // "left right", or since 2024 ["left", "right"].
  Result<std::vector<std::pair<std::string, std::string>>> merges() const {
    const Json& list = member(model_, "merges");
    if (!list.is_array()) return bad("model.merges is no list");
    std::vector<std::pair<std::string, std::string>> out;
    out.reserve(list.size());
    for (const Json& one : list) {
      const std::string text = one.is_string() ? one.get<std::string>() : "";
      const size_t space = std::min(text.find(' '), text.size());
      if (space < text.size())
        out.emplace_back(text.substr(0, space), text.substr(space + 1));
      else if (one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_string())
        out.emplace_back(one[0].get<std::string>(), one[1].get<std::string>());
      else
        return bad(fmt::format("model.merges[{}] is no pair", out.size()));
    }
    return out;
  }

  Status read_byte_level() {
    vocab_.model = "gpt2";
    vocab_.pre = TRY(pretokenizer());
    for (const Json& step : steps_of(member(json_, "normalizer"), "normalizers"))
      if (member(step, "type") != "NFC")  // which nearly every text is in already
        return refuse("a normalizer of the type " + shown(member(step, "type")));
    for (const auto& [text, id] : member(model_, "vocab").items()) TRY(set(text, id, TokenType::kNormal));
    TRY(read_added());
    read_unknown();
    for (const auto& [left, right] : TRY(merges())) vocab_.merges.push_back(left + " " + right);
    return {};
  }

  // The name of the rule by what the file says of it.
  Result<std::string> pretokenizer() const {
    const Json& steps = member(json_, "pre_tokenizer");
    const std::string rule = steps.dump(-1, ' ', false, Json::error_handler_t::replace);
    const auto has = [&](std::string_view part) { return rule.find(part) != std::string::npos; };
    const bool whole = member(model_, "ignore_merges") == true, threes = has("\\\\p{N}{1,3}|");
    if (has("\"add_prefix_space\":true")) return refuse("a pre_tokenizer that begins a text with a space");
    if (has("\\\\p{Lu}")) return threes ? "gpt-4o" : "tekken";
    if (has("[一-龥") && has("\\\\p{N}{1,3}\"")) return "deepseek-v3";
    if (has("[一-龥") && has("\\\\s?\\\\p{L}+") && has("\\\\s?\\\\p{P}+")) return "deepseek-coder";
    if (has("[一-龥") && has("\\\\s?[A-Za-zµ")) return "deepseek-llm";
    if (threes) return whole ? "llama-bpe" : "dbrx";
    if (has("|\\\\p{N}|")) return "qwen2";
    if (has("[0-9][0-9][0-9]") && has("\"Punctuation\"")) return "falcon";
    if (has("\"Split\"") || has("\"Punctuation\"") || !has("\"ByteLevel\""))
      return refuse("a pre_tokenizer that is not known");
    return has("\"Digits\"") ? "smollm" : "gpt-2";
  }

  // A merge's rank becomes the score of what it makes: the pair that is joined first makes the token of the
  // highest score.
  Status read_sentence_piece() {
    vocab_.model = "llama";
    vocab_.pre = "default";
    TRY(read_spaces());
    std::unordered_map<std::string, size_t> ids;
    for (const auto& [text, id] : member(model_, "vocab").items()) {
      TRY(set(text, id, parse_byte_token(text) ? TokenType::kByte : TokenType::kNormal));
      ids.emplace(text, id.get<size_t>());
    }
    std::vector<bool> made(vocab_.tokens.size());
    vocab_.scores.assign(vocab_.tokens.size(), 0);
    float score = 0;
    for (const auto& [left, right] : TRY(merges())) {
      const auto id = ids.find(left + right);
      if (id == ids.end()) return bad(fmt::format("model.merges[{}] makes no token", -score));
      if (!made[id->second]) vocab_.scores[id->second] = score;
      made[id->second] = true;
      score -= 1;
    }
    for (const auto& [text, id] : ids)  // nothing leads to it
      if (!made[id] && text.size() > 1 && utf8_length(text, 0) < text.size() && !parse_byte_token(text))
        vocab_.types[id] = static_cast<int64_t>(TokenType::kUnused);
    TRY(read_added());
    read_unknown();
    if (vocab_.unknown >= 0)
      vocab_.types[static_cast<size_t>(vocab_.unknown)] = static_cast<int64_t>(TokenType::kUnknown);
    return {};
  }

  // Spaces become "▁", and a text may begin with one.
  Status read_spaces() {
    bool prefix = false;
    for (const Json& step : steps_of(member(json_, "normalizer"), "normalizers")) {
      const bool replaces = member(step, "type") == "Replace" && member(step, "content") == kSpaceMark &&
                            member(member(step, "pattern"), "String") == " ";
      const bool prepends = member(step, "type") == "Prepend" && member(step, "prepend") == kSpaceMark;
      if (!replaces && !prepends) return refuse("a normalizer of the type " + shown(member(step, "type")));
      prefix |= prepends;
    }
    for (const Json& step : steps_of(member(json_, "pre_tokenizer"), "pretokenizers")) {
      const bool metaspace = member(step, "type") == "Metaspace";
      const bool at_spaces =
          member(step, "type") == "Split" && member(member(step, "pattern"), "String") == " ";
      if (!metaspace && !at_spaces) return refuse("a pre_tokenizer that is not known");
      const Json& scheme = member(step, "prepend_scheme");
      prefix |=
          metaspace && (scheme.is_null() ? member(step, "add_prefix_space") != false : scheme != "never");
    }
    vocab_.add_space_prefix = prefix;
    return {};
  }

  // What goes on within a word has "##" before it there; here what begins one has "▁".
  Status read_word_piece() {
    vocab_.model = "bert";
    vocab_.pre = "default";
    const Json& normalizer = member(json_, "normalizer");
    if (member(normalizer, "type") != "BertNormalizer" || member(normalizer, "lowercase") == false ||
        member(normalizer, "strip_accents") == false)
      return refuse("a normalizer other than BertNormalizer with lowercase");
    if (const Json& prefix = member(model_, "continuing_subword_prefix"); prefix != kGoesOn)
      return refuse("model.continuing_subword_prefix is " + shown(prefix));
    for (const auto& [text, id] : member(model_, "vocab").items()) {
      const bool goes_on = text.size() > kGoesOn.size() && text.starts_with(kGoesOn);
      TRY(set(goes_on ? text.substr(kGoesOn.size()) : std::string(kSpaceMark) + text, id,
              TokenType::kNormal));
    }
    TRY(read_added());
    read_unknown();
    for (const auto& [text, id] : {std::pair("[CLS]", &vocab_.bos), {"[SEP]", &vocab_.eos}}) {
      *id = std::ranges::find(vocab_.tokens, text) - vocab_.tokens.begin();
      if (*id == std::ssize(vocab_.tokens)) return bad(fmt::format("added_tokens has no {}", text));
    }
    return {};
  }

  // Whether a text begins with a token of its own, where the file says it.
  void read_first_token() {
    for (const Json& step : steps_of(member(json_, "post_processor"), "processors")) {
      const Json& single = member(step, "single");
      if (member(step, "type") == "TemplateProcessing" && single.is_array() && !single.empty())
        vocab_.add_bos = !member(single[0], "SpecialToken").is_null();
    }
  }

  const Json& json_;
  const std::string& name_;
  const Json& model_;
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
