// Pretokenizer: cuts a text into the pieces within which byte-level BPE may merge. Every byte of the text
// lies in exactly one piece, whatever the text is.
//
// Ownership: owns its compiled expressions. Threads: any. Lifetime: pieces are views of the text.
// Errors: EINVAL_ for a name that is not known, naming those that are.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

class Pretokenizer {
 public:
  // `name`: tokenizer.ggml.pre of a model file.
  static Result<Pretokenizer> make(std::string_view name);
  // Of expressions as PCRE2 has them, applied in turn.
  static Result<Pretokenizer> compile(std::span<const char* const> patterns);

  Pretokenizer(Pretokenizer&&) noexcept;
  Pretokenizer& operator=(Pretokenizer&&) noexcept;
  ~Pretokenizer();

  void split(std::string_view text, std::vector<std::string_view>& pieces) const;
  // What the first expression matches, without what lies between; the text is UTF-8.
  void find(std::string_view text, std::vector<std::string_view>& matches) const;
  bool whole_words_first() const { return whole_words_first_; }  // a piece that is a token is not merged up
  bool adds_bos() const { return adds_bos_; }                    // where the file does not say

 private:
  struct Expression;

  Pretokenizer();
  // The next match at or after `from`; its length is 0 where there is none.
  std::string_view match(size_t expression, std::string_view text, size_t from) const;
  void split_by(size_t expression, std::string_view text, std::vector<std::string_view>& pieces) const;

  std::vector<std::unique_ptr<Expression>> expressions_;  // applied in turn, each to the pieces of the last
  bool whole_words_first_ = false;
  bool adds_bos_ = false;
};

}  // namespace phios
