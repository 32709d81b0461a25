// Small vocabularies of the tests' own.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/tokenizer/text_codec.h"
#include "drivers/model/native/tokenizer/tokenizer.h"

namespace phios::testing {

// As phi-nano has it: the 256 bytes, then markers, and one merge that is never used.
inline VocabData byte_vocab(std::vector<std::string> markers = {"<|endoftext|>", "<|phi_sys|>",
                                                                "<|phi_end|>"}) {
  VocabData vocab;
  vocab.model = "gpt2";
  vocab.pre = "gpt-2";
  for (int byte = 0; byte < 256; ++byte) {
    vocab.tokens.push_back(byte_level_encode(std::string(1, static_cast<char>(byte))));
    vocab.types.push_back(1);
  }
  for (std::string& marker : markers) {
    vocab.tokens.push_back(std::move(marker));
    vocab.types.push_back(3);
  }
  vocab.merges = {"Ġ Ġ"};
  vocab.bos = vocab.eos = 256;
  return vocab;
}

// The bytes, and each merge's result, in order.
inline VocabData merging_vocab(std::vector<std::string> merges, std::string pre = "gpt-2") {
  VocabData vocab = byte_vocab({"<|endoftext|>"});
  vocab.pre = std::move(pre);
  for (const std::string& merge : merges) {
    std::string joined = merge;
    joined.erase(joined.find(' '), 1);
    vocab.tokens.push_back(joined);
    vocab.types.push_back(1);
  }
  vocab.merges = std::move(merges);
  return vocab;
}

inline std::string decode(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  std::string out;
  for (const Token token : tokens) out += tokenizer.bytes(token);
  return out;
}

// Each token's bytes; a control token shows as "#" and its number.
inline std::vector<std::string> spell(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  std::vector<std::string> out;
  for (const Token token : tokens)
    out.push_back(tokenizer.is_control(token) ? "#" + std::to_string(token)
                                              : std::string(tokenizer.bytes(token)));
  return out;
}

}  // namespace phios::testing
