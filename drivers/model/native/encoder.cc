#include "drivers/model/native/encoder.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "drivers/model/native/blas.h"
#include "drivers/model/native/config.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/tokenizer/tokenizer.h"
#include "syscalls/abi/limits.h"

namespace phios {

namespace {

constexpr uint64_t kWeightsMax = uint64_t{1} << 31;  // floats of all matrices
constexpr uint32_t kContextMax = 8192;
constexpr uint64_t kPoolingMean = 1, kPoolingFirst = 2;

float gelu(float x) { return 0.5f * x * (1.0f + std::erf(x / std::numbers::sqrt2_v<float>)); }

std::unexpected<Error> refuse(const Gguf& file, ErrorCode code, std::string_view what) {
  return fail(code, fmt::format("{}: {}", file.name(), what));
}

Result<uint32_t> count(const Gguf& file, std::string_view key, uint32_t max) {
  const uint64_t value = TRY(file.uint(key));
  if (value < 1 || value > max)
    return refuse(file, ErrorCode::EPARSE_,
                  fmt::format("the metadata key {} is {}, 1 to {} are allowed", key, value, max));
  return static_cast<uint32_t>(value);
}

Status read_tables(const Gguf& file, EncoderConfig& c) {
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  const GgufTensor* types = file.find_tensor("token_types.weight");
  if (!embedding || !types)
    return refuse(file, ErrorCode::EPARSE_, "the tensor token_embd.weight or token_types.weight is missing");
  if (embedding->shape[1] > PHI_VOCAB_MAX || types->shape[1] > PHI_VOCAB_MAX)
    return refuse(file, ErrorCode::ETOOBIG_, fmt::format("more than {} tokens or types", PHI_VOCAB_MAX));
  c.n_vocab = static_cast<uint32_t>(embedding->shape[1]);
  c.n_types = static_cast<uint32_t>(types->shape[1]);
  return {};
}

}  // namespace

Result<EncoderConfig> read_encoder_config(const Gguf& file) {
  if (const auto architecture = TRY(file.string("general.architecture")); architecture != "bert")
    return refuse(
        file, ErrorCode::ENOSYS_,
        fmt::format("the architecture is \"{}\"; the encoders are of bert", architecture.substr(0, 64)));
  EncoderConfig c;
  c.n_layers = TRY(count(file, "bert.block_count", ModelConfig::kLayersMax));
  c.n_embd = TRY(count(file, "bert.embedding_length", ModelConfig::kEmbdMax));
  c.n_ff = TRY(count(file, "bert.feed_forward_length", ModelConfig::kFeedForwardMax));
  c.n_heads = TRY(count(file, "bert.attention.head_count", ModelConfig::kHeadsMax));
  c.context_length = TRY(count(file, "bert.context_length", kContextMax));
  c.eps = static_cast<float>(TRY(file.number("bert.attention.layer_norm_epsilon")));
  if (!(c.eps >= 0)) return refuse(file, ErrorCode::EPARSE_, "bert.attention.layer_norm_epsilon is below 0");
  if (c.n_embd % c.n_heads != 0)
    return refuse(file, ErrorCode::EPARSE_,
                  fmt::format("bert.embedding_length is {}, no multiple of {} heads", c.n_embd, c.n_heads));
  if (TRY(file.boolean_or("bert.attention.causal", false)))
    return refuse(file, ErrorCode::ENOSYS_, "bert.attention.causal: a causal encoder is not supported");
  const uint64_t pooling = TRY(file.uint_or("bert.pooling_type", kPoolingMean));
  if (pooling != kPoolingMean && pooling != kPoolingFirst)
    return refuse(file, ErrorCode::ENOSYS_,
                  fmt::format("bert.pooling_type is {}; 1 (mean) and 2 ([CLS]) are supported", pooling));
  c.pooling = pooling == kPoolingMean ? EncoderConfig::Pooling::kMean : EncoderConfig::Pooling::kFirst;
  TRY(read_tables(file, c));
  return c;
}

class Encoder::Loader {
 public:
  Loader(const Gguf& file, Encoder& out) : file_(file), out_(out), c_(out.config_) {}

  Status load() {
    uint64_t weights = 0;
    for (const GgufTensor& t : file_.tensors()) weights += t.elements;
    if (weights > kWeightsMax)
      return refuse(file_, ErrorCode::ELIMIT_,
                    fmt::format("{} weights, at most {} are taken in floats", weights, kWeightsMax));
    if (c_.n_layers > file_.tensors().size())
      return refuse(file_, ErrorCode::EPARSE_,
                    fmt::format("{} layers, but {} tensors", c_.n_layers, file_.tensors().size()));
    out_.token_rows_ = TRY(floats("token_embd.weight", c_.n_embd, c_.n_vocab));
    out_.type_rows_ = TRY(floats("token_types.weight", c_.n_embd, c_.n_types));
    out_.position_rows_ = TRY(floats("position_embd.weight", c_.n_embd, c_.context_length));
    out_.input_norm_ = TRY(norm("token_embd_norm"));
    for (uint32_t i = 0; i < c_.n_layers; ++i) out_.layers_.push_back(TRY(layer(fmt::format("blk.{}.", i))));
    return {};
  }

 private:
  Result<Matrix> floats(const std::string& name, uint64_t n_in, uint64_t n_out) const {
    const GgufTensor* t = TRY(file_.tensor(name, n_in, n_out));
    Matrix out(t->elements);
    dequantize(t->type, t->data, out);
    return out;
  }
  Result<Linear> linear(const std::string& name, uint64_t n_in, uint64_t n_out) const {
    return Linear{TRY(floats(name + ".weight", n_in, n_out)), TRY(floats(name + ".bias", n_out, 1))};
  }
  Result<Norm> norm(const std::string& name) const {
    return Norm{TRY(floats(name + ".weight", c_.n_embd, 1)), TRY(floats(name + ".bias", c_.n_embd, 1))};
  }
  Result<Layer> layer(const std::string& p) const {
    Layer l;
    l.q = TRY(linear(p + "attn_q", c_.n_embd, c_.n_embd));
    l.k = TRY(linear(p + "attn_k", c_.n_embd, c_.n_embd));
    l.v = TRY(linear(p + "attn_v", c_.n_embd, c_.n_embd));
    l.o = TRY(linear(p + "attn_output", c_.n_embd, c_.n_embd));
    l.up = TRY(linear(p + "ffn_up", c_.n_embd, c_.n_ff));
    l.down = TRY(linear(p + "ffn_down", c_.n_ff, c_.n_embd));
    l.attn_norm = TRY(norm(p + "attn_output_norm"));
    l.ffn_norm = TRY(norm(p + "layer_output_norm"));
    return l;
  }

  const Gguf& file_;
  Encoder& out_;
  const EncoderConfig& c_;
};

Result<std::unique_ptr<Encoder>> Encoder::load(const Gguf& file) {
  std::unique_ptr<Encoder> encoder(new Encoder);
  encoder->config_ = TRY(read_encoder_config(file));
  encoder->tokenizer_ = TRY(make_tokenizer(file));
  const Tokenizer& tokenizer = *encoder->tokenizer_;
  if (tokenizer.size() > encoder->config_.n_vocab)
    return refuse(file, ErrorCode::EPARSE_,
                  fmt::format("the vocabulary has {} tokens, the embedding {} rows", tokenizer.size(),
                              encoder->config_.n_vocab));
  if (tokenizer.bos() < 0 || tokenizer.end() < 0)
    return refuse(file, ErrorCode::EPARSE_, "the vocabulary names no [CLS] or no [SEP]");
  TRY(Loader(file, *encoder).load());
  return encoder;
}

std::vector<Token> Encoder::tokens(std::string_view text) const {
  std::vector<Token> out = tokenizer_->encode(text, false);
  const size_t room = std::max(config_.context_length, 2u) - 2;
  out.resize(std::min(out.size(), room));
  out.insert(out.begin(), tokenizer_->bos());
  out.push_back(tokenizer_->end());
  out.resize(std::min<size_t>(out.size(), config_.context_length));
  return out;
}

// out = in × weightᵀ + bias
void Encoder::apply(const Linear& l, const Matrix& in, Matrix& out) const {
  const size_t n_out = l.bias.size(), n_in = l.weight.size() / n_out;
  out.resize(n_ * n_out);
  for (size_t r = 0; r < n_; ++r) std::ranges::copy(l.bias, out.begin() + static_cast<ptrdiff_t>(r * n_out));
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, blas(n_), blas(n_out), blas(n_in), 1.0f, in.data(),
              blas(n_in), l.weight.data(), blas(n_in), 1.0f, out.data(), blas(n_out));
}

void Encoder::norm(const Norm& norm, Matrix& rows) const {
  const auto width = static_cast<double>(config_.n_embd);
  for (size_t r = 0; r < n_; ++r) {
    const std::span row(rows.data() + r * config_.n_embd, config_.n_embd);
    double sum = 0, squares = 0;
    for (const float x : row) sum += double{x};
    const double mean = sum / width;
    for (const float x : row) squares += (double{x} - mean) * (double{x} - mean);
    const double scale = 1 / std::sqrt(squares / width + double{config_.eps});
    for (size_t i = 0; i < row.size(); ++i)
      row[i] = static_cast<float>((double{row[i]} - mean) * scale) * norm.weight[i] + norm.bias[i];
  }
}

// mixed = softmax(q kᵀ / √head_dim) v, head by head; every position sees all.
void Encoder::attend() {
  const size_t width = config_.n_embd, dim = width / config_.n_heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  scores_.resize(n_ * n_);
  mixed_.resize(n_ * width);
  for (size_t at = 0; at < width; at += dim) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, blas(n_), blas(n_), blas(dim), scale, q_.data() + at,
                blas(width), k_.data() + at, blas(width), 0.0f, scores_.data(), blas(n_));
    for (size_t r = 0; r < n_; ++r) softmax(std::span(scores_).subspan(r * n_, n_));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas(n_), blas(dim), blas(n_), 1.0f,
                scores_.data(), blas(n_), v_.data() + at, blas(width), 0.0f, mixed_.data() + at, blas(width));
  }
}

void Encoder::layer(const Layer& l) {
  const auto add = [&] { std::ranges::transform(x_, added_, x_.begin(), std::plus<>()); };
  apply(l.q, x_, q_);
  apply(l.k, x_, k_);
  apply(l.v, x_, v_);
  attend();
  apply(l.o, mixed_, added_);
  add();
  norm(l.attn_norm, x_);
  apply(l.up, x_, inner_);
  std::ranges::transform(inner_, inner_.begin(), gelu);
  apply(l.down, inner_, added_);
  add();
  norm(l.ffn_norm, x_);
}

std::vector<float> Encoder::embed(std::span<const Token> tokens) {
  const size_t width = config_.n_embd;
  n_ = tokens.size();
  x_.resize(n_ * width);
  for (size_t r = 0; r < n_; ++r)
    for (size_t i = 0; i < width; ++i)
      x_[r * width + i] = token_rows_[static_cast<size_t>(tokens[r]) * width + i] + type_rows_[i] +
                          position_rows_[r * width + i];
  norm(input_norm_, x_);
  for (const Layer& l : layers_) layer(l);
  std::vector<float> out(x_.begin(), x_.begin() + static_cast<ptrdiff_t>(width));
  if (config_.pooling == EncoderConfig::Pooling::kMean)
    for (size_t r = 1; r < n_; ++r)
      for (size_t i = 0; i < width; ++i) out[i] += x_[r * width + i];
  double squares = 0;
  for (const float x : out) squares += double{x} * double{x};
  const auto scale = static_cast<float>(1 / std::sqrt(std::max(squares, 1e-24)));
  for (float& x : out) x *= scale;
  return out;
}

}  // namespace phios
