// BpeTokenizer: byte-level BPE, as GPT-2 has it: a text is cut into pieces, and in each piece the neighbours
// whose merge ranks first are joined until none are left. Works on bytes, so any text round-trips as far as
// the vocabulary has a token for each byte; bytes that it lacks become its unknown token or vanish, as
// elsewhere.
//
// Ownership, threads: as VocabTokenizer. Errors: EPARSE_ names the merge or token; EINVAL_ the pre-tokenizer.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>

#include "drivers/model/native/tokenizer/pair_table.h"
#include "drivers/model/native/tokenizer/pretokenizer.h"
#include "drivers/model/native/tokenizer/vocab_tokenizer.h"

namespace phios {

class BpeTokenizer final : public VocabTokenizer {
 public:
  // `vocab` has been checked by check_vocab.
  static Result<std::unique_ptr<Tokenizer>> make(const VocabData& vocab);

 protected:
  void encode_plain(std::string_view text, bool first, std::vector<Token>& out) const override;

 private:
  class Merger;
  // A symbol is a token, or (from size() on) a string that only lies on the way to one.
  using Symbol = uint32_t;

  BpeTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded, Pretokenizer pretokenizer);
  void name_symbols(const VocabData& vocab);
  Symbol intern(std::string bytes);
  Status read_merge(const std::string& merge, uint32_t rank);
  void emit(Symbol symbol, std::vector<Token>& out) const;

  Pretokenizer pretokenizer_;
  std::unordered_map<std::string, Symbol> symbols_;  // by bytes
  std::vector<std::string> extra_;                   // bytes of the symbols that are no tokens
  std::array<Symbol, 256> of_byte_{};
  PairTable merges_;
};

}  // namespace phios
