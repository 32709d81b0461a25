#include "drivers/model/native/tokenizer/vocab.h"

#include <fmt/format.h>

#include <cmath>

#include "drivers/model/native/tokenizer/text_codec.h"

namespace phios {
namespace {

constexpr size_t kPrintableMax = 48;

std::unexpected<Error> bad(std::string message) { return fail(ErrorCode::EPARSE_, std::move(message)); }

Status check_tokens(const VocabData& vocab) {
  const size_t n = vocab.tokens.size();
  if (n == 0) return bad("tokenizer.ggml.tokens: the vocabulary is empty");
  if (n > kVocabTokensMax)
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("tokenizer.ggml.tokens: {} tokens, at most {}", n, kVocabTokensMax));
  for (size_t i = 0; i < n; ++i) {
    const std::string& text = vocab.tokens[i];
    if (text.empty()) return bad(fmt::format("tokenizer.ggml.tokens[{}]: the token is empty", i));
    if (text.size() > kTokenBytesMax)
      return fail(ErrorCode::ETOOBIG_, fmt::format("tokenizer.ggml.tokens[{}]: {} bytes, at most {}", i,
                                                   text.size(), kTokenBytesMax));
    if (utf8_valid_prefix(text) != text.size())
      return bad(fmt::format("tokenizer.ggml.tokens[{}]: \"{}\" is not UTF-8 at byte {}", i, printable(text),
                             utf8_valid_prefix(text)));
  }
  return {};
}

Status check_attributes(const VocabData& vocab) {
  const size_t n = vocab.tokens.size();
  if (!vocab.types.empty() && vocab.types.size() != n)
    return bad(fmt::format("tokenizer.ggml.token_type: {} types for {} tokens", vocab.types.size(), n));
  for (size_t i = 0; i < vocab.types.size(); ++i)
    if (vocab.types[i] < int64_t(TokenType::kNormal) || vocab.types[i] > int64_t(TokenType::kByte))
      return bad(
          fmt::format("tokenizer.ggml.token_type[{}]: {} is no token type (1 to 6)", i, vocab.types[i]));
  if (!vocab.scores.empty() && vocab.scores.size() != n)
    return bad(fmt::format("tokenizer.ggml.scores: {} scores for {} tokens", vocab.scores.size(), n));
  for (size_t i = 0; i < vocab.scores.size(); ++i)
    if (std::isnan(vocab.scores[i])) return bad(fmt::format("tokenizer.ggml.scores[{}]: not a number", i));
  if (vocab.merges.size() > kVocabMergesMax)
    return fail(ErrorCode::ETOOBIG_, fmt::format("tokenizer.ggml.merges: {} merges, at most {}",
                                                 vocab.merges.size(), kVocabMergesMax));
  return {};
}

}  // namespace

Status check_vocab(const VocabData& vocab) {
  TRY(check_tokens(vocab));
  TRY(check_attributes(vocab));
  const std::pair<std::string_view, int64_t> ids[] = {{"bos", vocab.bos},
                                                      {"eos", vocab.eos},
                                                      {"eot", vocab.eot},
                                                      {"eom", vocab.eom},
                                                      {"unknown", vocab.unknown}};
  for (const auto& [name, id] : ids)
    if (id < -1 || id >= int64_t(vocab.tokens.size()))
      return bad(fmt::format("tokenizer.ggml.{}_token_id: {} is outside the vocabulary of {} tokens", name,
                             id, vocab.tokens.size()));
  return {};
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= kPrintableMax) return out + "…";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace phios
