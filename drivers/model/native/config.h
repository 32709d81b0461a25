// ModelConfig: the hyperparameters of a llama or qwen2 model, read out of a GGUF's metadata and bounded.
//
// Ownership: a plain value. Threads: any. Errors: ENOSYS_ (an architecture or a feature that this engine has
// not), EPARSE_ and EINVAL_ (a value out of bounds; names the key).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "drivers/model/native/gguf.h"
#include "mm/kv_view.h"

namespace phios {

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
  double rope_base = 10000.0;
  double rope_scale = 1.0;  // positions are multiplied by it
  float rms_eps = 1e-5f;
  uint32_t n_vocab = 0;  // rows of the token embedding

  KvShape kv() const { return {n_layers, n_kv_heads, head_dim}; }
  uint32_t q_size() const { return n_heads * head_dim; }
  uint32_t kv_size() const { return n_kv_heads * head_dim; }
};

Result<ModelConfig> read_config(const Gguf& file);

// The angles of one position, as Kernels::rope takes them: 2 × n_rot floats, cosines then signed sines, for
// each element. `factors` divides each pair's frequency (n_rot / 2 floats), or is empty.
void rope_table(const ModelConfig& config, std::span<const float> factors, uint32_t position, float* turn);

}  // namespace phios
