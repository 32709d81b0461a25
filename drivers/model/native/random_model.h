// Model files made here: random weights in any shape and type, and a real file with its weights shuffled.
//
// Ownership: the bytes returned are the caller's. Threads: pure functions. The vocabulary is phi-nano's (a
// bert's: letters and digits): 256 bytes, the frame markers, one end token, and spare control tokens. The
// same options give the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/model/native/gguf.h"

namespace phios {

// phi-nano's shape, unless told otherwise.
struct RandomModelOptions {
  std::string architecture = "llama";
  std::string name = "random";
  uint32_t n_layers = 5;
  uint32_t n_embd = 192;
  uint32_t n_heads = 6;
  uint32_t n_kv_heads = 6;
  uint32_t head_dim = 32;
  uint32_t n_ff = 512;
  uint32_t n_vocab = 264;  // at least kByteVocabulary
  uint32_t context_length = 2048;
  float rope_base = 10000.0f;
  std::string rope_scaling = "linear";
  float rope_scale_factor = 0;         // 0: no rope scaling; of longrope the factors are all
  uint32_t rope_original_context = 0;  // 0: not said
  bool tied = false;                   // the output is the embedding
  bool rope_factors = false;           // a tensor of factors
  uint32_t window = 0;                 // 0: as the architecture has it, which may be none
  uint32_t pooling = 1;                // of a bert: 1 the mean, 2 [CLS]
  bool words = false;  // tokens beyond the bytes are the induction model's words, as many as there are
  float outliers = 1;  // times so much is every 16th channel of keys and values, as trained models have some
  GgmlType type = GgmlType::kF16;
  std::optional<GgmlType> down_type{};    // of the feed-forward's last matrix, if another
  std::optional<GgmlType> output_type{};  // of the output's, if another
  GgmlType embedding_type = GgmlType::kF16;
  uint64_t seed = 1;
};

inline constexpr uint32_t kByteVocabulary =
    260;  // bytes, <|phi_sys|>, <|phi_end|>, <|phi_ret|>, <|endoftext|>

// Token texts as GGUF spells them (GPT-2's stand-ins for bytes), padded with <|phi_rN|>; n ≥ kByteVocabulary.
std::vector<std::string> byte_vocabulary(uint32_t n);
std::vector<int32_t> byte_vocabulary_types(uint32_t n);

std::vector<std::byte> make_random_model(const RandomModelOptions& options = {});

// The same file (which is no shard) with every matrix's entries (of block types, blocks) in another order:
// what the model knows is gone, what its numbers look like stays.
std::vector<std::byte> shuffle_weights(const Gguf& file, uint64_t seed);

}  // namespace phios
