// VocabData: a vocabulary as a model file states it, before anything is believed.
//
// Ownership: owns its strings. Threads: a plain value. Units: bytes, token ids. Errors: check_vocab and
// read_vocab name the metadata key and the index of what is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/api/model.h"
#include "kernel/base/result.h"

namespace phios {

class Gguf;

inline constexpr size_t kVocabTokensMax = size_t{1} << 20;
inline constexpr size_t kVocabMergesMax = size_t{1} << 21;
inline constexpr size_t kTokenBytesMax = 2048;

// As llama.cpp numbers them in tokenizer.ggml.token_type.
enum class TokenType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct VocabData {
  std::string model;  // "gpt2": byte-level BPE; "llama": SentencePiece; "bert": WordPiece
  std::string pre;    // the pre-tokenizer of a BPE vocabulary
  std::vector<std::string> tokens;
  std::vector<float> scores;        // SentencePiece only, else may be empty
  std::vector<int64_t> types;       // empty: all normal
  std::vector<std::string> merges;  // BPE only: "left right", best first
  int64_t bos = -1;                 // -1: none, as all of these
  int64_t eos = -1;
  int64_t eot = -1;
  int64_t eom = -1;
  int64_t unknown = -1;
  std::optional<bool> add_bos;           // absent: as the kind of vocabulary has it
  std::optional<bool> add_space_prefix;  // absent: true; SentencePiece only
};

// Out of a model file's metadata.
Result<VocabData> read_vocab(const Gguf& gguf);

// Everything that does not depend on the kind of vocabulary: counts, lengths, UTF-8, types, ids.
Status check_vocab(const VocabData& vocab);

inline TokenType token_type(const VocabData& vocab, size_t token) {
  return vocab.types.empty() ? TokenType::kNormal : static_cast<TokenType>(vocab.types[token]);
}

// How a message shows a token's text: short, and printable whatever the file holds.
std::string printable(std::string_view text);

}  // namespace phios
