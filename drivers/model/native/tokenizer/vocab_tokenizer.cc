#include "drivers/model/native/tokenizer/vocab_tokenizer.h"

#include <algorithm>

namespace phios {
namespace {

// Merging counts in 32 bits; a longer text is cut, which costs at most a token at each cut.
constexpr size_t kPlainBytesMax = size_t{1} << 30;

// Names that end a turn or a text in the chat formats in use, for files that do not state an eot id.
constexpr std::string_view kEndNames[] = {"<|eot_id|>",    "<|im_end|>",      "<|end|>",   "<end_of_turn>",
                                          "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>"};

bool is_special(TokenType type) {
  return type == TokenType::kControl || type == TokenType::kUnknown || type == TokenType::kUserDefined;
}

bool spelled_like_marker(std::string_view text) {
  return text.size() > 2 &&
         ((text.front() == '<' && text.back() == '>') || (text.front() == '[' && text.back() == ']'));
}

}  // namespace

VocabTokenizer::VocabTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded,
                               bool adds_bos) {
  const size_t n = vocab.tokens.size();
  types_.reserve(n);
  offsets_.reserve(n + 1);
  for (size_t i = 0; i < n; ++i) {
    types_.push_back(token_type(vocab, i));
    offsets_.push_back(static_cast<uint32_t>(text_.size()));
    if (!is_control(static_cast<Token>(i))) text_ += decoded[i];
  }
  offsets_.push_back(static_cast<uint32_t>(text_.size()));
  bos_ = static_cast<Token>(vocab.bos);
  adds_bos_ = bos_ >= 0 && vocab.add_bos.value_or(adds_bos);
  // An unknown token that is also a control token (starcoder's is its end of text) must not come from
  // outside.
  if (vocab.unknown >= 0 && type(static_cast<Token>(vocab.unknown)) != TokenType::kControl)
    unknown_ = static_cast<Token>(vocab.unknown);
  add_specials(vocab);
  find_ends(vocab);
}
static_assert(kVocabTokensMax * kTokenBytesMax < (uint64_t{1} << 32), "offsets_ holds any place in text_");

void VocabTokenizer::add_specials(const VocabData& vocab) {
  for (size_t i = 0; i < types_.size(); ++i) {
    if (!is_special(types_[i])) continue;
    const auto token = static_cast<Token>(i);
    const std::string_view text = is_control(token) ? std::string_view(vocab.tokens[i]) : bytes(token);
    all_specials_.add(text, token);
    if (!is_control(token) && !spelled_like_marker(text)) plain_specials_.add(text, token);
  }
}

void VocabTokenizer::find_ends(const VocabData& vocab) {
  for (const int64_t id : {vocab.eot, vocab.eos, vocab.eom})
    if (id >= 0) ends_.push_back(static_cast<Token>(id));
  for (const std::string_view name : kEndNames)
    if (const Token token = all_specials_.exact(name); token >= 0 && type(token) == TokenType::kControl)
      ends_.push_back(token);
  // A stated end of turn comes first: a chat model says that, and not the end of its training texts.
  if (!ends_.empty()) end_ = ends_.front();
}

std::vector<Token> VocabTokenizer::encode(std::string_view text, bool parse_special) const {
  const SpecialMatcher& specials = parse_special ? all_specials_ : plain_specials_;
  std::vector<Token> out;
  out.reserve(text.size() / 3 + 8);
  bool first = true;
  size_t start = 0;
  while (start < text.size()) {
    size_t pos = start;
    SpecialMatcher::Match special;
    if (specials.empty()) {
      pos = text.size();
    } else {
      special = specials.find(text, pos);
    }
    for (; start < pos; first = false) {
      const size_t n = std::min(pos - start, kPlainBytesMax);
      encode_plain(text.substr(start, n), first, out);
      start += n;
    }
    if (special.token >= 0) {
      out.push_back(special.token);
      start = pos + special.length;
      first = true;
    }
  }
  return out;
}

std::string_view VocabTokenizer::bytes(Token token) const {
  if (!valid(token)) return {};
  const auto i = static_cast<size_t>(token);
  return std::string_view(text_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
}

bool VocabTokenizer::is_control(Token token) const {
  if (!valid(token)) return false;
  const TokenType kind = type(token);
  return kind == TokenType::kControl || kind == TokenType::kUnknown || kind == TokenType::kUnused;
}

bool VocabTokenizer::is_end(Token token) const {
  return token >= 0 && std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

}  // namespace phios
