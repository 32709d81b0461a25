#include "drivers/model/native/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "drivers/model/native/int8_product.h"
#include "drivers/model/native/pack.h"
#include "drivers/model/native/quant.h"
#include "kernel/base/half.h"

namespace phios {

namespace {

Result<std::vector<float>> floats(const Gguf& file, const std::string& name) {
  const GgufTensor* t = file.find_tensor(name);
  if (!t) return fail(ErrorCode::EPARSE_, fmt::format("{}: the tensor {} is missing", file.name(), name));
  std::vector<float> out(t->elements);
  dequantize(t->type, t->data, out);
  return out;
}

Result<std::vector<float>> floats_or_none(const Gguf& file, const std::string& name) {
  if (!file.find_tensor(name)) return std::vector<float>();
  return floats(file, name);
}

// x as 32 bytes and a scale at a time give it back.
std::vector<float> in_bytes(const std::vector<float>& x) {
  std::vector<float> out(x.size());
  for (size_t i = 0; i < x.size(); i += kBlockInputs) {
    float peak = 0;
    for (size_t j = i; j < i + kBlockInputs; ++j) peak = std::max(peak, std::fabs(x[j]));
    for (size_t j = i; j < i + kBlockInputs && peak > 0; ++j)
      out[j] = std::nearbyint(x[j] * (127.0f / peak)) * (peak / 127.0f);
  }
  return out;
}

float capped(float x, float cap) { return cap > 0 ? cap * std::tanh(x / cap) : x; }

float activated(float x, Activation activation) {
  if (activation == Activation::kSilu) return x / (1.0f + std::exp(-x));
  const float slope = std::sqrt(2.0f / std::numbers::pi_v<float>);
  return 0.5f * x * (1.0f + std::tanh(slope * (x + 0.044715f * x * x * x)));
}

}  // namespace

Result<Reference> Reference::load(const Gguf& file, Inputs inputs, uint32_t longest) {
  Reference m;
  m.config_ = TRY(read_config(file, longest));
  const ModelConfig& c = m.config_;
  const auto table = [&](const std::string& name, size_t n_in) -> Result<Table> {
    std::vector<float> values = TRY(floats(file, name));
    const bool blocks = in_blocks(packed_type(file.find_tensor(name)->type));
    return Table{n_in, blocks && inputs == Inputs::kQuantized, std::move(values)};
  };
  m.embedding_ = TRY(table("token_embd.weight", c.n_embd));
  m.output_ = file.find_tensor("output.weight") ? TRY(table("output.weight", c.n_embd)) : m.embedding_;
  m.output_norm_ = TRY(floats(file, "output_norm.weight"));
  m.rope_ = Rope(c.rope, c.n_rot, c.rope_neox, TRY(read_rope_factors(file, c)));
  m.local_rope_ = c.local_rope == c.rope ? m.rope_ : Rope(c.local_rope, c.n_rot, c.rope_neox, {});
  const auto rows = [](Table& from, size_t first, size_t n) {  // of a tensor that holds several matrices
    const auto at = from.values.begin() + static_cast<ptrdiff_t>(first * from.n_in);
    return Table{from.n_in, from.quantized_inputs, Vector(at, at + static_cast<ptrdiff_t>(n * from.n_in))};
  };
  for (uint32_t i = 0; i < c.n_layers; ++i) {
    const std::string p = fmt::format("blk.{}.", i);
    Layer l;
    l.attn_norm = TRY(floats(file, p + "attn_norm.weight"));
    l.ffn_norm = TRY(floats(file, p + "ffn_norm.weight"));
    l.q_bias = TRY(floats_or_none(file, p + "attn_q.bias"));
    l.k_bias = TRY(floats_or_none(file, p + "attn_k.bias"));
    l.v_bias = TRY(floats_or_none(file, p + "attn_v.bias"));
    l.o_bias = TRY(floats_or_none(file, p + "attn_output.bias"));
    l.q_norm = TRY(floats_or_none(file, p + "attn_q_norm.weight"));
    l.k_norm = TRY(floats_or_none(file, p + "attn_k_norm.weight"));
    l.attn_post_norm = TRY(floats_or_none(file, p + "post_attention_norm.weight"));
    l.ffn_post_norm = TRY(floats_or_none(file, p + "post_ffw_norm.weight"));
    if (file.find_tensor(p + "attn_qkv.weight")) {
      Table qkv = TRY(table(p + "attn_qkv.weight", c.n_embd));
      l.q = rows(qkv, 0, c.q_size());
      l.k = rows(qkv, c.q_size(), c.kv_size());
      l.v = rows(qkv, c.q_size() + c.kv_size(), c.kv_size());
    } else {
      l.q = TRY(table(p + "attn_q.weight", c.n_embd));
      l.k = TRY(table(p + "attn_k.weight", c.n_embd));
      l.v = TRY(table(p + "attn_v.weight", c.n_embd));
    }
    l.o = TRY(table(p + "attn_output.weight", c.q_size()));
    l.up = TRY(table(p + "ffn_up.weight", c.n_embd));
    if (c.fused_gate) {
      l.gate = rows(l.up, 0, c.n_ff);
      l.up = rows(l.up, c.n_ff, c.n_ff);
    } else {
      l.gate = TRY(table(p + "ffn_gate.weight", c.n_embd));
    }
    l.down = TRY(table(p + "ffn_down.weight", c.n_ff));
    m.layers_.push_back(std::move(l));
  }
  return m;
}

void Reference::reset() {
  position_ = 0;
  for (Layer& l : layers_) l.keys.clear(), l.values.clear();
}

Reference::Vector Reference::apply(const Table& table, const Vector& input, const Vector& bias) const {
  const Vector x = table.quantized_inputs ? in_bytes(input) : input;
  Vector y(table.values.size() / table.n_in);
  for (size_t n = 0; n < y.size(); ++n) {
    double sum = bias.empty() ? 0 : double{bias[n]};
    for (size_t k = 0; k < table.n_in; ++k) sum += double{table.values[n * table.n_in + k]} * double{x[k]};
    y[n] = static_cast<float>(sum);
  }
  return y;
}

Reference::Vector Reference::norm(const Vector& x, const Vector& weight) const {
  double squares = 0;
  for (const float v : x) squares += double{v} * double{v};
  const auto scale =
      static_cast<float>(1 / std::sqrt(squares / static_cast<double>(x.size()) + double{config_.rms_eps}));
  Vector y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] * scale * weight[i];
  return y;
}

void Reference::turn(Vector& x, uint32_t heads, const Rope& rope) const {
  const uint32_t half = config_.n_rot / 2;
  for (uint32_t h = 0; h < heads; ++h)
    for (uint32_t i = 0; i < half; ++i) {
      const double angle = position_ * rope.frequencies()[i];
      const auto cosine = static_cast<float>(std::cos(angle) * rope.magnitude());
      const auto sine = static_cast<float>(std::sin(angle) * rope.magnitude());
      float& a = x[h * config_.head_dim + (config_.rope_neox ? i : 2 * i)];
      float& b = x[h * config_.head_dim + (config_.rope_neox ? i + half : 2 * i + 1)];
      const float old_a = a;
      a = old_a * cosine - b * sine;
      b = old_a * sine + b * cosine;
    }
}

void Reference::norm_heads(Vector& x, const Vector& weight) const {
  for (size_t at = 0; !weight.empty() && at < x.size(); at += weight.size()) {
    const auto head = x.begin() + static_cast<ptrdiff_t>(at);
    std::ranges::copy(norm(Vector(head, head + static_cast<ptrdiff_t>(weight.size())), weight), head);
  }
}

Reference::Vector Reference::attend(uint32_t layer, const Vector& q, uint32_t window) const {
  const Layer& l = layers_[layer];
  const uint32_t dim = config_.head_dim;
  const float scale =
      config_.attention_scale > 0 ? config_.attention_scale : 1 / std::sqrt(static_cast<float>(dim));
  const size_t first = window > 0 && l.keys.size() > window ? l.keys.size() - window : 0;
  Vector out(q.size());
  for (uint32_t h = 0; h < config_.n_heads; ++h) {
    const uint32_t kv = h / (config_.n_heads / config_.n_kv_heads) * dim;
    Vector scores(l.keys.size() - first);
    for (size_t t = 0; t < scores.size(); ++t) {
      for (uint32_t d = 0; d < dim; ++d) scores[t] += q[h * dim + d] * l.keys[first + t][kv + d];
      scores[t] = capped(scores[t] * scale, config_.attention_cap);
    }
    const float peak = *std::ranges::max_element(scores);
    float sum = 0;
    for (float& s : scores) sum += s = std::exp(s - peak);
    for (float& s : scores) s /= sum;
    for (size_t t = 0; t < scores.size(); ++t)
      for (uint32_t d = 0; d < dim; ++d) out[h * dim + d] += scores[t] * l.values[first + t][kv + d];
  }
  return out;
}

std::vector<float> Reference::next(Token token) {
  const ModelConfig& c = config_;
  const auto row = embedding_.values.begin() + static_cast<ptrdiff_t>(token) * c.n_embd;
  Vector x(row, row + c.n_embd);
  const auto add = [&](const Vector& y) { std::ranges::transform(x, y, x.begin(), std::plus<>()); };
  const auto as_half = [](Vector v) {
    for (float& f : v) f = f16_to_f32(f32_to_f16(f));
    return v;
  };
  for (float& v : x) v *= c.embedding_scale;
  for (uint32_t i = 0; i < c.n_layers; ++i) {
    Layer& l = layers_[i];
    const Rope& rope = c.local(i) ? local_rope_ : rope_;
    const Vector h = norm(x, l.attn_norm);
    Vector q = apply(l.q, h, l.q_bias), k = apply(l.k, h, l.k_bias);
    norm_heads(q, l.q_norm);
    norm_heads(k, l.k_norm);
    turn(q, c.n_heads, rope);
    turn(k, c.n_kv_heads, rope);
    l.keys.push_back(as_half(k));
    l.values.push_back(as_half(apply(l.v, h, l.v_bias)));
    const Vector o = apply(l.o, attend(i, q, c.local(i) ? c.window : 0), l.o_bias);
    add(l.attn_post_norm.empty() ? o : norm(o, l.attn_post_norm));
    const Vector g = norm(x, l.ffn_norm);
    Vector gate = apply(l.gate, g, {});
    const Vector up = apply(l.up, g, {});
    for (size_t n = 0; n < gate.size(); ++n) gate[n] = activated(gate[n], c.activation) * up[n];
    const Vector down = apply(l.down, gate, {});
    add(l.ffn_post_norm.empty() ? down : norm(down, l.ffn_post_norm));
  }
  ++position_;
  hidden_ = norm(x, output_norm_);
  Vector logits = apply(output_, hidden_, {});
  for (float& v : logits) v = capped(v, c.logit_cap);
  return logits;
}

}  // namespace phios
