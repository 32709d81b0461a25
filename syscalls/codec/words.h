// Words: what frames, results and tool calls are made of, read from left to right with columns.
//
// Ownership: a WordReader borrows its text. Threads: one at a time. Units: bytes; columns count from 1.
// Errors: EPARSE_ with the column.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kernel/base/result.h"

namespace phios {

// The bytes of the UTF-8 sequence at text[i], 0 if there is none: overlong forms and surrogates are none.
size_t utf8_sequence(std::string_view text, size_t i);
void append_utf8(std::string& out, uint32_t code_point);

class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  size_t column() const { return at_ + 1; }
  std::string_view rest() const { return text_.substr(at_); }

  Status space();              // exactly one
  std::string_view name();     // what stands before the next space; may be empty
  std::string_view key();      // consumes "key=" if it stands here; else empty
  Result<std::string> word();  // a bare word or a JSON string

 private:
  std::unexpected<Error> error(std::string_view what) const;
  Result<std::string> quoted();
  Status escape(std::string& out);
  Result<uint32_t> hex4();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace phios
