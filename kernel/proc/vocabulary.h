// Vocabulary: the model's tokens as the codec's automaton sees them, and text from outside as tokens that are
// never markers.
//
// Ownership: one for each kernel, shared by its grammars' mask tables; borrows the model, which outlives it.
// Threads: any.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "drivers/api/model.h"
#include "syscalls/codec/grammar.h"
#include "syscalls/codec/rights.h"

namespace phios {

class Vocabulary final : public VocabularyView {
 public:
  explicit Vocabulary(const Model& model);

  uint32_t size() const override { return tokenizer_.size(); }
  std::string_view bytes(int32_t token) const override { return tokenizer_.bytes(token); }
  int32_t sys() const override { return sys_; }
  int32_t end() const override { return end_; }
  int32_t ret() const override { return ret_; }
  bool is_end_of_text(int32_t token) const override { return tokenizer_.is_end(token); }
  bool is_control(int32_t token) const override { return tokenizer_.is_control(token); }

  // Text that comes from outside: may spell a marker, can never be one.
  std::vector<Token> encode(std::string_view text) const { return tokenizer_.encode(text, false); }
  // What starts a context: the beginning-of-text token, where the model expects one.
  std::vector<Token> beginning() const;
  // The same, and a program's base. A model that was not taught the calls (its vocabulary lacks the markers)
  // reads first how they are made.
  std::vector<Token> opening(std::string_view base, const RightSet& rights) const;
  // What a program asks for next; `first` behind an opening.
  std::vector<Token> request(std::string_view text, bool first) const;
  // <|phi_ret|> … <|phi_end|> around the tokens of a result.
  std::vector<Token> result(std::string_view text) const;

 private:
  void append_marker(std::vector<Token>& out, Token token, std::string_view spelled) const;

  bool taught() const { return sys_ >= 0; }

  const Model& model_;
  const Tokenizer& tokenizer_;
  Token sys_, end_, ret_;
};

}  // namespace phios
