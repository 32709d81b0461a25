// SpmTokenizer: SentencePiece's BPE as Llama 2 has it: from single characters, the neighbours whose join is
// the token of the highest score are joined, until none are left; a character that no token spells becomes
// its bytes. A space is spelled "▁" in the vocabulary; here it is a space everywhere, so a "▁" in a text
// stays one (as bytes) instead of turning into a space.
//
// Ownership, threads: as VocabTokenizer. Errors: EPARSE_ names what the vocabulary lacks.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>

#include "drivers/model/native/tokenizer/vocab_tokenizer.h"

namespace phios {

class SpmTokenizer final : public VocabTokenizer {
 public:
  // `vocab` has been checked by check_vocab.
  static Result<std::unique_ptr<Tokenizer>> make(const VocabData& vocab);

 protected:
  void encode_plain(std::string_view text, bool first, std::vector<Token>& out) const override;

 private:
  class Merger;

  SpmTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded);
  Token find(std::string_view text) const;
  void emit(Token token, std::string_view text, std::vector<Token>& out) const;

  std::unordered_map<std::string_view, Token> tokens_;  // normal ones by bytes; views of bytes()
  std::array<Token, 256> of_byte_{};
  size_t longest_ = 0;  // bytes of the longest normal token
  std::vector<float> scores_;
  bool space_prefix_ = true;
};

}  // namespace phios
