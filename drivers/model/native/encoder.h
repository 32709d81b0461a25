// Encoder: a BERT encoder (architecture "bert": MiniLM, BGE and their kin) that makes an embedding of a text.
//
// Ownership: owns its weights, in floats; the file may go. Threads: one at a time. Units: tokens; embeddings
// have length 1. Errors: ENOSYS_ (no encoder, or one with what is not supported), EPARSE_ (names the key or
// the tensor), ELIMIT_ (too large). Matrix products go through OpenBLAS.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/gguf.h"

namespace phios {

struct EncoderConfig {
  enum class Pooling : uint8_t { kMean, kFirst };

  uint32_t n_layers = 0, n_embd = 0, n_ff = 0, n_heads = 0;
  uint32_t context_length = 0;
  uint32_t n_vocab = 0;
  uint32_t n_types = 0;  // rows of the token types' table, of which the first is used
  float eps = 0;
  Pooling pooling = Pooling::kMean;
};

Result<EncoderConfig> read_encoder_config(const Gguf& file);

class Encoder {
 public:
  static Result<std::unique_ptr<Encoder>> load(const Gguf& file);

  const EncoderConfig& config() const { return config_; }
  // [CLS] text [SEP]; of a text that is longer than the context, the beginning.
  std::vector<Token> tokens(std::string_view text) const;
  // tokens: 1 to context_length, each below n_vocab.
  std::vector<float> embed(std::span<const Token> tokens);
  std::vector<float> embed(std::string_view text) { return embed(tokens(text)); }

 private:
  using Matrix = std::vector<float>;  // row by row
  struct Linear {
    Matrix weight;  // [n_out][n_in]
    Matrix bias;
  };
  struct Norm {
    Matrix weight, bias;
  };
  struct Layer {
    Linear q, k, v, o, up, down;
    Norm attn_norm, ffn_norm;
  };
  class Loader;

  Encoder() = default;
  void apply(const Linear& linear, const Matrix& in, Matrix& out) const;
  void norm(const Norm& norm, Matrix& rows) const;
  void attend();
  void layer(const Layer& layer);

  EncoderConfig config_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Matrix token_rows_, type_rows_, position_rows_;
  Norm input_norm_;
  std::vector<Layer> layers_;

  // Of the text at hand: [tokens][n_embd], unless it says otherwise.
  size_t n_ = 0;
  Matrix x_, q_, k_, v_, mixed_, added_;
  Matrix inner_;   // [tokens][n_ff]
  Matrix scores_;  // [tokens][tokens]
};

}  // namespace phios
