// VocabTokenizer: what the two kinds of vocabulary share: the bytes of each token, the control tokens, and
// the parting of a text into special tokens and what lies between.
//
// Which text may become a special token: control and unknown tokens, and user-defined ones that are spelled
// like a marker ("<tool_call>", "[INST]"), only if the caller asks for it; other user-defined tokens (runs of
// line ends, words) always. Neither merges nor whole-word lookup ever reach any of them.
//
// Ownership: owns all its tables. Threads: immutable once made. Lifetime: views returned by bytes() live as
// long as the tokenizer.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/tokenizer/special_matcher.h"
#include "drivers/model/native/tokenizer/vocab.h"

namespace phios {

class VocabTokenizer : public Tokenizer {
 public:
  VocabTokenizer(const VocabTokenizer&) = delete;
  VocabTokenizer& operator=(const VocabTokenizer&) = delete;

  uint32_t size() const override { return static_cast<uint32_t>(types_.size()); }
  std::vector<Token> encode(std::string_view text, bool parse_special) const override;
  std::string_view bytes(Token token) const override;
  bool is_control(Token token) const override;
  Token bos() const override { return bos_; }
  bool adds_bos() const override { return adds_bos_; }
  bool is_end(Token token) const override;
  Token end() const override { return end_; }
  Token marker(std::string_view name) const override { return all_specials_.exact(name); }

 protected:
  // `vocab` has been checked; `decoded` holds the bytes that each token stands for (of control tokens:
  // unused).
  VocabTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded, bool adds_bos);

  // Appends the tokens of a text that holds no special token. `first`: nothing but special tokens before it.
  virtual void encode_plain(std::string_view text, bool first, std::vector<Token>& out) const = 0;

  bool valid(Token token) const { return token >= 0 && static_cast<size_t>(token) < types_.size(); }
  TokenType type(Token token) const { return types_[static_cast<size_t>(token)]; }
  // Stands for what no token spells; -1: there is none that outside text may become.
  Token unknown() const { return unknown_; }

 private:
  void add_specials(const VocabData& vocab);
  void find_ends(const VocabData& vocab);

  std::vector<TokenType> types_;
  std::string text_;               // all tokens' bytes, one after another
  std::vector<uint32_t> offsets_;  // of each token in text_, and the end
  SpecialMatcher plain_specials_;  // those that any text may become
  SpecialMatcher all_specials_;
  std::vector<Token> ends_;
  Token bos_ = -1;
  Token end_ = -1;
  Token unknown_ = -1;
  bool adds_bos_ = false;
};

}  // namespace phios
