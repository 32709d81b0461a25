// Weights: a model's tensors, checked against its hyperparameters and packed for the kernels.
//
// Ownership: owns the packed copies; a large embedding stays in the file, which must then outlive the
// weights. Threads: immutable once loaded. Units: elements. Errors: EPARSE_ for a tensor that is missing or
// has another shape than the hyperparameters ask for (names both), ELIMIT_ when memory is short.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "drivers/model/native/config.h"
#include "drivers/model/native/kernels.h"

namespace phios {

inline constexpr size_t kCachedWeightBytes = size_t{16} << 20;  // up to so many stay in the caches

// Memory of a fixed size in huge pages where the system has them, 64-byte aligned, zeroed.
class Arena {
 public:
  static Result<Arena> create(size_t bytes);
  Arena() = default;
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();
  size_t size() const { return size_; }
  // The next `bytes` of it; the total was given to create().
  void* take(size_t bytes);
  static constexpr size_t kAlign = 64;
  static constexpr size_t padded(size_t bytes) { return round_up(bytes, kAlign); }

 private:
  void* memory_ = nullptr;
  size_t size_ = 0;
  size_t used_ = 0;
};

struct LayerWeights {
  const float* attn_norm = nullptr;
  const float* ffn_norm = nullptr;
  const float* q_bias = nullptr;  // nullptr: none; padded to whole panels
  const float* k_bias = nullptr;
  const float* v_bias = nullptr;
  const float* o_bias = nullptr;
  const float* q_norm = nullptr;  // [head_dim], nullptr: queries and keys are not normed
  const float* k_norm = nullptr;
  const float* attn_post_norm = nullptr;  // nullptr: what is added is not normed
  const float* ffn_post_norm = nullptr;
  PackedMatrix q, k, v, o, gate, up, down;
};

class Weights {
 public:
  static Result<Weights> load(const Gguf& file, uint32_t longest = 0);  // as read_config has it

  const ModelConfig& config() const { return config_; }
  // How the model's frames are laid out; borrows its rotations.
  KvShape kv() const;
  const std::vector<LayerWeights>& layers() const { return layers_; }
  const PackedMatrix& output() const { return output_; }
  const float* output_norm() const { return output_norm_; }
  const Rope& rope(bool local) const { return local ? local_rope_ : rope_; }
  uint64_t parameters() const { return parameters_; }
  size_t bytes() const { return arena_.size(); }  // packed
  // The token's embedding, scaled; out: n_embd floats.
  void embed(int32_t token, float* out) const;

 private:
  class Loader;
  ModelConfig config_;
  Arena arena_;
  std::vector<LayerWeights> layers_;
  PackedMatrix output_;
  const float* output_norm_ = nullptr;
  const float* embedding_rows_ = nullptr;  // [n_vocab][n_embd], when small
  const GgufTensor* embedding_ = nullptr;
  Rope rope_, local_rope_;
  uint64_t parameters_ = 0;
  std::unique_ptr<const KvRotations> rotations_;  // or none
};

// A hash of every tensor's bytes (of very large ones, of samples) and of the rotations: a model's id.
uint64_t hash_weights(const Gguf& file);

}  // namespace phios
