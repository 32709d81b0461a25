// Reference: the same model in plain scalar arithmetic, one position after another: the oracle of the
// engine's tests.
//
// Ownership: owns unpacked weights and a contiguous key/value memory of one sequence; borrows nothing.
// Threads: one. Units: tokens. Errors: as Weights::load.
#pragma once

#include <span>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/config.h"

namespace phios {

enum class Inputs : uint8_t {
  kFloats,     // what the model means
  kQuantized,  // of matrices in blocks, as the engine's integer products take them: 32 at a time in bytes
};

class Reference {
 public:
  // `longest` as read_config has it.
  static Result<Reference> load(const Gguf& file, Inputs inputs = Inputs::kFloats, uint32_t longest = 0);

  // The next position of the sequence; its logits. hidden(), after it, is what the final norm gave.
  std::vector<float> next(Token token);
  std::span<const float> hidden() const { return hidden_; }
  void reset();

 private:
  using Vector = std::vector<float>;
  struct Table {  // [n_out][n_in]
    size_t n_in = 0;
    bool quantized_inputs = false;
    Vector values;
  };
  struct Layer {
    Vector attn_norm, ffn_norm, q_bias, k_bias, v_bias, o_bias;
    Vector q_norm, k_norm, attn_post_norm, ffn_post_norm;  // or empty
    Table q, k, v, o, gate, up, down;
    std::vector<Vector> keys, values;  // of each position, as halves hold them
  };

  Vector apply(const Table& table, const Vector& x, const Vector& bias) const;
  Vector norm(const Vector& x, const Vector& weight) const;
  void norm_heads(Vector& x, const Vector& weight) const;
  void turn(Vector& x, uint32_t heads, const Rope& rope) const;
  Vector attend(uint32_t layer, const Vector& q, uint32_t window) const;

  ModelConfig config_;
  Table embedding_, output_;
  Vector output_norm_, hidden_;
  Rope rope_, local_rope_;
  std::vector<Layer> layers_;
  uint32_t position_ = 0;
};

}  // namespace phios
