// ModelConfig: the hyperparameters of a decoder (llama, qwen2, qwen3, gemma, gemma2, gemma3, phi3), read out
// of a GGUF's metadata and bounded: what an architecture is beside its shape becomes a value here, so that
// nothing else asks for its name.
//
// Ownership: a plain value. Threads: any. Errors: ENOSYS_ (an architecture or a feature that this engine has
// not), EPARSE_ and EINVAL_ (a value out of bounds; names the key).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/model/native/gguf.h"
#include "drivers/model/native/rope.h"
#include "mm/kv_view.h"

namespace phios {

enum class Activation : uint8_t { kSilu, kGelu };  // of the feed-forward's gate

struct ModelConfig {
  static constexpr uint32_t kLayersMax = 1024;
  static constexpr uint32_t kEmbdMax = 1u << 16;
  static constexpr uint32_t kFeedForwardMax = 1u << 20;
  static constexpr uint32_t kHeadsMax = 1024;
  static constexpr uint32_t kHeadDimMax = 1024;
  static constexpr uint32_t kHeadDimStep = 16;  // the attention kernel's vector

  std::string architecture;
  std::string name;
  uint32_t n_layers = 0;
  uint32_t n_embd = 0;
  uint32_t n_ff = 0;
  uint32_t n_heads = 0;
  uint32_t n_kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t context_length = 0;
  uint32_t n_rot = 0;      // elements of a head that are turned
  bool rope_neox = false;  // element i turns with i + n_rot / 2, not with its neighbour
  RopeConfig rope;
  RopeConfig local_rope;      // of the layers with a window
  bool long_factors = false;  // of LongRoPE's two sets, the one for contexts beyond those of training
  float rms_eps = 1e-5f;
  bool qkv_bias = false;    // biases are there in any case; else where the file has them
  bool fused_gate = false;  // the feed-forward's gate stands above its other half in one tensor
  bool qk_norm = false;     // each head's query and key is normed before it is turned
  bool post_norms = false;  // what attention and feed-forward give is normed before it is added
  Activation activation = Activation::kSilu;
  float embedding_scale = 1;
  float attention_scale = 0;  // of the scores; 0: 1 / √head_dim
  float attention_cap = 0;    // 0: none, as the next
  float logit_cap = 0;
  uint32_t window = 0;        // positions that a layer with a window sees; 0: no layer has one
  uint32_t local_period = 1;  // of so many layers the last has none; 1: all have one
  uint32_t n_vocab = 0;       // rows of the token embedding

  bool local(uint32_t layer) const {
    return window > 0 && (local_period == 1 || (layer + 1) % local_period != 0);
  }
  KvShape kv() const { return {n_layers, n_kv_heads, head_dim}; }
  uint32_t q_size() const { return n_heads * head_dim; }
  uint32_t kv_size() const { return n_kv_heads * head_dim; }
};

std::span<const std::string_view> decoder_architectures();
// `longest`: context that the model is opened for; beyond the original one LongRoPE's long factors are
// chosen, else context_length is bounded by it.
Result<ModelConfig> read_config(const Gguf& file, uint32_t longest = 0);
// What each pair's frequency is divided by (n_rot / 2); empty: the file has no factors.
Result<std::vector<float>> read_rope_factors(const Gguf& file, const ModelConfig& config);

}  // namespace phios
