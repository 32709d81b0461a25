// Vocabularies for tests: every byte a token, more tokens by their bytes, markers as single tokens or spelled
// out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "syscalls/codec/grammar.h"

namespace phios::testing {

class ByteVocabulary final : public VocabularyView {
 public:
  static constexpr int32_t kSys = 256, kEnd = 257, kRet = 258, kEndOfText = 259;
  static constexpr int32_t kFirstMore = 264;  // as phi-nano, padded with control tokens

  explicit ByteVocabulary(bool markers = true, std::vector<std::string> more = {})
      : markers_(markers), more_(std::move(more)) {
    for (int byte = 0; byte < 256; ++byte) bytes_[static_cast<size_t>(byte)] = static_cast<char>(byte);
  }

  uint32_t size() const override { return kFirstMore + static_cast<uint32_t>(more_.size()); }
  std::string_view bytes(int32_t token) const override {
    if (token < 256) return {&bytes_[static_cast<size_t>(token)], 1};
    return token < kFirstMore ? std::string_view() : more_[static_cast<size_t>(token - kFirstMore)];
  }
  int32_t sys() const override { return markers_ ? kSys : -1; }
  int32_t end() const override { return markers_ ? kEnd : -1; }
  int32_t ret() const override { return markers_ ? kRet : -1; }
  bool is_end_of_text(int32_t token) const override { return token == kEndOfText; }
  bool is_control(int32_t token) const override { return token >= 256 && token < kFirstMore; }

  std::string text(const std::vector<int32_t>& tokens) const {
    std::string out;
    for (const int32_t token : tokens) {
      if (token == kSys && markers_) out += "{";
      if (token == kEnd && markers_) out += "}";
      out += bytes(token);
    }
    return out;
  }

 private:
  bool markers_;
  char bytes_[256];
  std::vector<std::string> more_;
};

}  // namespace phios::testing
