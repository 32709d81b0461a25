#include "drivers/model/native/random_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <span>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/induction_model.h"
#include "drivers/model/native/quant.h"
#include "kernel/base/env.h"

namespace phios {

namespace {

constexpr int32_t kNormalToken = 1, kControlToken = 3;
constexpr uint32_t kEndOfText = 259;
constexpr uint32_t kGemma3Window = 512;
constexpr uint32_t kOutlierStep = 16;

class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}
  uint64_t bits() { return derive_seed(seed_, n_++); }
  uint64_t below(uint64_t n) { return bits() % n; }
  float uniform() { return static_cast<float>(bits() >> 40) * 0x1p-24f; }
  // Nearly normal, deviation 1: the sum of four uniform numbers.
  float normal() { return (uniform() + uniform() + uniform() + uniform() - 2.0f) * 1.7320508f; }

 private:
  uint64_t seed_;
  uint64_t n_ = 0;
};

std::string utf8(uint32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3f))};
}

class Maker {
 public:
  explicit Maker(const RandomModelOptions& options) : o_(options), random_(options.seed) {}

  std::vector<std::byte> make() {
    if (o_.architecture == "bert") return make_encoder();
    metadata();
    vocabulary();
    matrix("token_embd.weight", o_.embedding_type, o_.n_embd, o_.n_vocab, 1.0f);
    for (uint32_t i = 0; i < o_.n_layers; ++i) layer(fmt::format("blk.{}.", i));
    vector("output_norm.weight", o_.n_embd, 1.0f, 0.1f);
    if (!o_.tied && !o_.architecture.starts_with("gemma"))  // theirs always is
      matrix("output.weight", o_.output_type.value_or(o_.type), o_.n_embd, o_.n_vocab, 1.0f);
    if (o_.rope_factors) rope_factors();
    return writer_.finish();
  }

 private:
  void metadata() {
    const std::string p = o_.architecture + ".";
    writer_.string("general.architecture", o_.architecture);
    writer_.string("general.name", o_.name);
    writer_.uint32(p + "context_length", o_.context_length);
    writer_.uint32(p + "embedding_length", o_.n_embd);
    writer_.uint32(p + "block_count", o_.n_layers);
    writer_.uint32(p + "feed_forward_length", o_.n_ff);
    writer_.uint32(p + "attention.head_count", o_.n_heads);
    writer_.uint32(p + "attention.head_count_kv", o_.n_kv_heads);
    writer_.uint32(p + "attention.key_length", o_.head_dim);
    writer_.uint32(p + "attention.value_length", o_.head_dim);
    writer_.uint32(p + "rope.dimension_count", o_.head_dim);
    writer_.float32(p + "rope.freq_base", o_.rope_base);
    writer_.float32(p + "attention.layer_norm_rms_epsilon", 1e-5f);
    if (o_.rope_scale_factor > 0) {
      writer_.string(p + "rope.scaling.type", o_.rope_scaling);
      if (o_.rope_scaling != "longrope") writer_.float32(p + "rope.scaling.factor", o_.rope_scale_factor);
    }
    if (o_.rope_original_context > 0)
      writer_.uint32(p + "rope.scaling.original_context_length", o_.rope_original_context);
    if (o_.window > 0 || o_.architecture == "gemma3")
      writer_.uint32(p + "attention.sliding_window", o_.window > 0 ? o_.window : kGemma3Window);
  }

  void vocabulary() {
    const std::vector<std::string> merges = {"Ġ Ġ"};  // never merges, but other engines want one
    std::vector<std::string> tokens = byte_vocabulary(o_.n_vocab);
    std::vector<int32_t> types = byte_vocabulary_types(o_.n_vocab);
    const uint32_t n_words = o_.words ? std::min(o_.n_vocab - kByteVocabulary, kInductionWordsMax) : 0;
    for (uint32_t w = 0; w < n_words; ++w) {
      tokens[kByteVocabulary + w] = tokens[' '] + induction_value(w);
      types[kByteVocabulary + w] = kNormalToken;
    }
    writer_.string("tokenizer.ggml.model", "gpt2");
    // The manners of "llama-bpe": a word that is a token is one, whatever the merges say.
    writer_.string("tokenizer.ggml.pre", o_.words ? "llama-bpe" : "gpt-2");
    writer_.strings("tokenizer.ggml.tokens", tokens);
    writer_.int32s("tokenizer.ggml.token_type", types);
    writer_.strings("tokenizer.ggml.merges", merges);
    writer_.uint32("tokenizer.ggml.bos_token_id", kEndOfText);
    writer_.uint32("tokenizer.ggml.eos_token_id", kEndOfText);
    writer_.boolean("tokenizer.ggml.add_bos_token", true);
  }

  std::vector<std::byte> make_encoder() {
    writer_.string("general.architecture", "bert");
    writer_.string("general.name", o_.name);
    writer_.uint32("bert.context_length", o_.context_length);
    writer_.uint32("bert.embedding_length", o_.n_embd);
    writer_.uint32("bert.block_count", o_.n_layers);
    writer_.uint32("bert.feed_forward_length", o_.n_ff);
    writer_.uint32("bert.attention.head_count", o_.n_heads);
    writer_.float32("bert.attention.layer_norm_epsilon", 1e-12f);
    writer_.boolean("bert.attention.causal", false);
    writer_.uint32("bert.pooling_type", o_.pooling);
    word_pieces();
    matrix("token_embd.weight", o_.embedding_type, o_.n_embd, o_.n_vocab, 1.0f);
    matrix("token_types.weight", GgmlType::kF32, o_.n_embd, 2, 1.0f);
    matrix("position_embd.weight", GgmlType::kF32, o_.n_embd, o_.context_length, 1.0f);
    layer_norm("token_embd_norm");
    for (uint32_t i = 0; i < o_.n_layers; ++i) encoder_layer(fmt::format("blk.{}.", i));
    return writer_.finish();
  }

  void layer_norm(const std::string& name) {
    vector(name + ".weight", o_.n_embd, 1.0f, 0.1f);
    vector(name + ".bias", o_.n_embd, 0.0f, 0.1f);
  }

  void encoder_layer(const std::string& p) {
    const auto linear = [&](const char* name, uint32_t n_in, uint32_t n_out) {
      matrix(p + name + ".weight", o_.type, n_in, n_out, 1.0f);
      vector(p + name + ".bias", n_out, 0.0f, 0.1f);
    };
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) linear(name, o_.n_embd, o_.n_embd);
    linear("ffn_up", o_.n_embd, o_.n_ff);
    linear("ffn_down", o_.n_ff, o_.n_embd);
    layer_norm(p + "attn_output_norm");
    layer_norm(p + "layer_output_norm");
  }

  // Every letter and digit as a word's beginning and as what follows, so that plain words can be spelled.
  void word_pieces() {
    std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    std::vector<int32_t> types(o_.n_vocab, kNormalToken);
    std::fill_n(types.begin(), tokens.size(), kControlToken);
    for (const char* mark : {"▁", ""})
      for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789"))
        tokens.push_back(std::string(mark) + c);
    for (const char* mark : {"▁.", "▁,", "▁?", "▁!", "▁'"}) tokens.emplace_back(mark);
    while (tokens.size() < o_.n_vocab) tokens.push_back(fmt::format("[unused{}]", tokens.size()));
    writer_.string("tokenizer.ggml.model", "bert");
    writer_.string("tokenizer.ggml.pre", "jina-v2-en");
    writer_.strings("tokenizer.ggml.tokens", tokens);
    writer_.int32s("tokenizer.ggml.token_type", types);
    writer_.uint32("tokenizer.ggml.token_type_count", 2);
    writer_.uint32("tokenizer.ggml.padding_token_id", 0);
    writer_.uint32("tokenizer.ggml.unknown_token_id", 1);
    writer_.uint32("tokenizer.ggml.cls_token_id", 2);
    writer_.uint32("tokenizer.ggml.bos_token_id", 2);
    writer_.uint32("tokenizer.ggml.seperator_token_id", 3);
    writer_.uint32("tokenizer.ggml.eos_token_id", 3);
    writer_.uint32("tokenizer.ggml.mask_token_id", 4);
  }

  void rope_factors() {
    if (o_.architecture != "phi3") return vector("rope_freqs.weight", o_.head_dim / 2, 2.0f, 0.2f);
    vector("rope_factors_long.weight", o_.head_dim / 2, 8.0f, 0.2f);
    vector("rope_factors_short.weight", o_.head_dim / 2, 2.0f, 0.2f);
  }

  void layer(const std::string& p) {
    const std::string& a = o_.architecture;
    const bool phi = a == "phi3";
    const uint32_t q = o_.n_heads * o_.head_dim, kv = o_.n_kv_heads * o_.head_dim;
    vector(p + "attn_norm.weight", o_.n_embd, 1.0f, 0.1f);
    if (phi) {
      matrix(p + "attn_qkv.weight", o_.type, o_.n_embd, q + 2 * kv, 1.0f);
    } else {
      matrix(p + "attn_q.weight", o_.type, o_.n_embd, q, 1.0f);
      matrix(p + "attn_k.weight", o_.type, o_.n_embd, kv, 1.0f, o_.outliers);
      matrix(p + "attn_v.weight", o_.type, o_.n_embd, kv, 1.0f, o_.outliers);
    }
    if (a == "qwen3" || a == "gemma3") {
      vector(p + "attn_q_norm.weight", o_.head_dim, 1.0f, 0.1f);
      vector(p + "attn_k_norm.weight", o_.head_dim, 1.0f, 0.1f);
    }
    if (a == "gemma2" || a == "gemma3") {
      vector(p + "post_attention_norm.weight", o_.n_embd, 1.0f, 0.1f);
      vector(p + "post_ffw_norm.weight", o_.n_embd, 1.0f, 0.1f);
    }
    if (a == "qwen2") {
      vector(p + "attn_q.bias", q, 0.0f, 0.5f);
      vector(p + "attn_k.bias", kv, 0.0f, 0.5f);
      vector(p + "attn_v.bias", kv, 0.0f, 0.5f);
    }
    matrix(p + "attn_output.weight", o_.type, q, o_.n_embd, 0.5f);
    vector(p + "ffn_norm.weight", o_.n_embd, 1.0f, 0.1f);
    if (!phi) matrix(p + "ffn_gate.weight", o_.type, o_.n_embd, o_.n_ff, 1.0f);
    matrix(p + "ffn_up.weight", o_.type, o_.n_embd, phi ? 2 * o_.n_ff : o_.n_ff, 1.0f);
    matrix(p + "ffn_down.weight", o_.down_type.value_or(o_.type), o_.n_ff, o_.n_embd, 0.5f);
  }

  // Entries keep the length of what they are applied to, times gain; every 16th output times more.
  void matrix(const std::string& name, GgmlType type, uint32_t n_in, uint32_t n_out, float gain,
              float outliers = 1) {
    const uint64_t elements = uint64_t{n_in} * n_out;
    const float deviation = gain / std::sqrt(static_cast<float>(n_in));
    std::vector<float> values(elements);
    for (size_t i = 0; i < elements; ++i)
      values[i] = random_.normal() * deviation * (i / n_in % kOutlierStep == 0 ? outliers : 1.0f);
    writer_.tensor(name, type, {n_in, n_out}, quantize(type, values));
  }

  void vector(const std::string& name, uint32_t n, float mean, float deviation) {
    std::vector<float> values(n);
    for (float& v : values) v = mean + random_.normal() * deviation;
    writer_.tensor(name, GgmlType::kF32, {n}, std::as_bytes(std::span(values)));
  }

  const RandomModelOptions& o_;
  Random random_;
  GgufWriter writer_;
};

}  // namespace

std::vector<std::string> byte_vocabulary(uint32_t n) {
  assert(n >= kByteVocabulary);
  const auto shown_as_itself = [](uint32_t b) {
    return (b >= 33 && b < 127) || (b >= 161 && b < 173) || b >= 174;
  };
  std::vector<std::string> tokens;
  tokens.reserve(n);
  uint32_t stand_in = 256;
  for (uint32_t b = 0; b < 256; ++b) tokens.push_back(utf8(shown_as_itself(b) ? b : stand_in++));
  for (const char* marker : {"<|phi_sys|>", "<|phi_end|>", "<|phi_ret|>", "<|endoftext|>"})
    tokens.push_back(marker);
  for (uint32_t i = kByteVocabulary; i < n; ++i)
    tokens.push_back(fmt::format("<|phi_r{}|>", i - kByteVocabulary));
  return tokens;
}

std::vector<int32_t> byte_vocabulary_types(uint32_t n) {
  std::vector<int32_t> types(n, kControlToken);
  std::fill_n(types.begin(), 256, kNormalToken);
  return types;
}

std::vector<std::byte> make_random_model(const RandomModelOptions& options) { return Maker(options).make(); }

std::vector<std::byte> shuffle_weights(const Gguf& file, uint64_t seed) {
  std::vector<std::byte> out(file.bytes().begin(), file.bytes().end());
  Random random(seed);
  for (const GgufTensor& t : file.tensors()) {
    if (t.n_dims < 2) continue;
    const size_t size = ggml_type_info(static_cast<uint32_t>(t.type))->block_bytes;
    std::byte* data = out.data() + (t.data.data() - file.bytes().data());
    for (size_t i = t.data.size() / size; i > 1; --i)
      std::swap_ranges(data + (i - 1) * size, data + i * size, data + random.below(i) * size);
  }
  return out;
}

}  // namespace phios
