// A model whose weights are set by hand: it recalls, however far back, what followed a word. Two attention
// layers and no feed-forward, as found in trained models (induction heads: arXiv 2209.11895, and Elhage et
// al. 2021, "A Mathematical Framework for Transformer Circuits"). What it cannot recall under a page policy,
// the policy has lost.
//
// Its vocabulary is phi-nano's bytes and n_words words, each with a capital ("Kufe", a key) and without
// ("kufe", a value). Behind a key it says the word that followed the key's other occurrence; behind a value,
// the word that followed the value's key: so "Kufe" of a text with "Kufe tohi" and "Tohi remu" goes on " tohi
// remu".
//
// Ownership: the bytes returned are the caller's. Threads: pure functions. The same options give the same
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "drivers/model/native/gguf.h"

namespace phios {

inline constexpr uint32_t kInductionWordsMax = 4096;

struct InductionModelOptions {
  uint32_t context_length = 32768;
  uint32_t n_words = 2048;         // 1 … kInductionWordsMax
  GgmlType type = GgmlType::kF16;  // of the matrices
  uint64_t seed = 1;               // of the words' codes
};

std::vector<std::byte> make_induction_model(const InductionModelOptions& options = {});

// A word's text as a value; as a key its first letter is a capital.
std::string induction_value(uint32_t word);
std::string induction_key(uint32_t word);

}  // namespace phios
