// WordPieceTokenizer: BERT's: a text loses its case and accents and is cut into words, punctuation marks and
// single CJK characters; of each word the longest token that begins it is taken, then the longest that goes
// on, or, where there is none, the unknown token for the whole word. In a file's vocabulary a token that
// begins a word is spelled with "▁" before it. CJK compatibility characters keep their form.
//
// Ownership, threads: as VocabTokenizer. Errors: EPARSE_ names what the vocabulary lacks.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "drivers/model/native/tokenizer/pretokenizer.h"
#include "drivers/model/native/tokenizer/vocab_tokenizer.h"

namespace phios {

class WordPieceTokenizer final : public VocabTokenizer {
 public:
  // `vocab` has been checked by check_vocab.
  static Result<std::unique_ptr<Tokenizer>> make(const VocabData& vocab);

 protected:
  void encode_plain(std::string_view text, bool first, std::vector<Token>& out) const override;

 private:
  WordPieceTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded, Pretokenizer kept,
                     Pretokenizer words);
  // The text in lower case, decomposed, without marks and control characters.
  std::string normalize(std::string_view text) const;
  void encode_word(std::string_view word, std::vector<Token>& out) const;

  Pretokenizer kept_, words_;
  Token unknown_word_;
  std::unordered_map<std::string_view, Token> tokens_;  // by bytes, of which a space begins a word
  size_t longest_ = 0;
};

}  // namespace phios
