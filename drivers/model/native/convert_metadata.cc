// config.json as a GGUF file's metadata.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <span>

#include "drivers/model/native/config.h"
#include "drivers/model/native/convert_parts.h"
#include "syscalls/abi/limits.h"

namespace phios {

namespace {

using Json = nlohmann::json;

struct Family {
  std::string_view kind, architecture;
};
constexpr Family kFamilies[] = {{"llama", "llama"}, {"mistral", "llama"},      {"qwen2", "qwen2"},
                                {"qwen3", "qwen3"}, {"gemma", "gemma"},        {"gemma2", "gemma2"},
                                {"phi3", "phi3"},   {"gemma3_text", "gemma3"}, {"bert", "bert"}};
constexpr uint32_t kGemmaHeadDim = 256;
constexpr uint32_t kGemma2Largest = 46, kGemma3Largest = 62;  // layers

std::string shown(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 64);
}

Status refuse(const HubJson& config, const char* key, std::string_view taken) {
  return config.bad(ErrorCode::ENOSYS_,
                    fmt::format("{} is {}; {} is converted", key, shown(config.at(key)), taken));
}

class DecoderMetadata {
 public:
  DecoderMetadata(const HubJson& config, const HubShape& shape, GgufWriter& writer)
      : config_(config),
        shape_(shape),
        writer_(writer),
        scaling_(config.object(config.has("rope_parameters") ? "rope_parameters" : "rope_scaling")),
        prefix_(shape.architecture + ".") {}

  Status write() {
    writer_.uint32(key("block_count"), shape_.n_layers);
    writer_.uint32(key("embedding_length"), shape_.n_embd);
    writer_.uint32(key("feed_forward_length"), shape_.n_ff);
    context_length_ = TRY(config_.count("max_position_embeddings", UINT32_MAX, 2048));
    writer_.uint32(key("context_length"), context_length_);
    writer_.uint32(key("attention.head_count"), shape_.n_heads);
    writer_.uint32(key("attention.head_count_kv"), shape_.n_kv_heads);
    writer_.uint32(key("attention.key_length"), shape_.head_dim);
    writer_.uint32(key("attention.value_length"), shape_.head_dim);
    TRY(float32("attention.layer_norm_rms_epsilon",
                config_.number("rms_norm_eps", shape_.architecture == "phi3" ? 1e-5 : 1e-6)));
    TRY(check_activation());
    TRY(write_rope());
    if (shape_.architecture == "gemma2") return write_gemma2();
    if (shape_.architecture == "gemma3") return write_gemma3();
    if (shape_.architecture == "phi3" && config_.has("sliding_window"))
      return uint32("attention.sliding_window", config_.count("sliding_window", UINT32_MAX));
    return {};
  }

 private:
  std::string key(std::string_view name) const { return prefix_ + std::string(name); }
  Status uint32(std::string_view name, Result<uint32_t> value) {
    writer_.uint32(key(name), TRY(std::move(value)));
    return {};
  }
  Status float32(std::string_view name, Result<double> value) {
    writer_.float32(key(name), static_cast<float>(TRY(std::move(value))));
    return {};
  }

  // gemma's first files say "gelu" and mean its approximation, as the others.
  Status check_activation() const {
    const char* name = config_.has("hidden_activation") ? "hidden_activation" : "hidden_act";
    const std::string kind = config_.text(name);
    if (!config_.has(name) || kind == (shape_.gemma() ? "gelu_pytorch_tanh" : "silu")) return {};
    if (shape_.architecture == "gemma" && kind == "gelu") return {};
    return refuse(config_, name, shape_.gemma() ? "gelu_pytorch_tanh" : "silu");
  }

  Status write_rope() {
    if (scaling_.has("full_attention"))
      return config_.bad(ErrorCode::ENOSYS_, "rope_parameters of each kind of layer are not converted");
    const double usual = shape_.architecture == "gemma3" ? 1e6 : 10000.0;
    base_ =
        TRY(scaling_.has("rope_theta") ? scaling_.number("rope_theta") : config_.number("rope_theta", usual));
    writer_.float32(key("rope.freq_base"), static_cast<float>(base_));
    const double share = TRY(config_.number("partial_rotary_factor", 1.0));
    n_rot_ = static_cast<uint32_t>(std::min(share, 1.0) * shape_.head_dim);
    if (n_rot_ == 0 || n_rot_ % 2 != 0 || (n_rot_ < shape_.head_dim && shape_.architecture != "phi3"))
      return refuse(config_, "partial_rotary_factor", "an even share of a head, of phi3,");
    writer_.uint32(key("rope.dimension_count"), n_rot_);
    return write_rope_scaling();
  }

  Status write_rope_scaling() {
    const Json& kind = scaling_.at(scaling_.has("rope_type") ? "rope_type" : "type");
    if (kind.is_null() || kind == "default") return {};
    if (kind == "llama3" && !shape_.gemma() && shape_.architecture != "phi3") return write_llama3_factors();
    if ((kind == "longrope" || kind == "su") && shape_.architecture == "phi3") return write_long_factors();
    if (kind != "linear" && kind != "yarn")
      return config_.bad(ErrorCode::ENOSYS_, "rope_scaling of the type " + shown(kind) + " is not converted");
    writer_.string(key("rope.scaling.type"), kind.get<std::string>());
    TRY(float32("rope.scaling.factor", scaling_.number("factor")));
    for (const auto& [from, to] : {std::pair("beta_fast", "rope.scaling.yarn_beta_fast"),
                                   {"beta_slow", "rope.scaling.yarn_beta_slow"}})
      if (scaling_.has(from)) TRY(float32(to, scaling_.number(from)));
    if (!scaling_.has("original_max_position_embeddings")) return {};
    return uint32("rope.scaling.original_context_length",
                  scaling_.count("original_max_position_embeddings", UINT32_MAX));
  }

  void factors(std::string_view name, const std::vector<float>& values) {
    writer_.tensor(name, GgmlType::kF32, {values.size()}, std::as_bytes(std::span(values)));
  }

  // Llama 3.1's stretching of slow frequencies, as the factors that a GGUF file has in a tensor.
  Status write_llama3_factors() {
    const double factor = TRY(scaling_.number("factor"));
    const double low = TRY(scaling_.number("low_freq_factor"));
    const double high = TRY(scaling_.number("high_freq_factor"));
    const double original = TRY(scaling_.number("original_max_position_embeddings"));
    if (!(high > low))
      return config_.bad(ErrorCode::EPARSE_, "high_freq_factor is not above low_freq_factor");
    std::vector<float> values;
    for (uint32_t i = 0; i < shape_.head_dim / 2; ++i) {
      const double wavelength = 2 * std::numbers::pi * std::pow(base_, 2.0 * i / shape_.head_dim);
      const double kept = std::clamp((original / wavelength - low) / (high - low), 0.0, 1.0);
      values.push_back(static_cast<float>(1 / ((1 - kept) / factor + kept)));
    }
    factors("rope_freqs.weight", values);
    return {};
  }

  // LongRoPE: factors for contexts as long as those of training and for longer ones, and what cosines and
  // sines are multiplied by.
  Status write_long_factors() {
    const HubJson& from = scaling_.has("original_max_position_embeddings") ? scaling_ : config_;
    const uint32_t original = TRY(from.count("original_max_position_embeddings", UINT32_MAX));
    const double stretch = static_cast<double>(context_length_) / original;
    const double usual =
        stretch > 1 && original > 1 ? std::sqrt(1 + std::log(stretch) / std::log(original)) : 1;
    writer_.uint32(key("rope.scaling.original_context_length"), original);
    TRY(float32("rope.scaling.attn_factor", scaling_.number("attention_factor", usual)));
    factors("rope_factors_long.weight", TRY(scaling_.numbers("long_factor", n_rot_ / 2)));
    factors("rope_factors_short.weight", TRY(scaling_.numbers("short_factor", n_rot_ / 2)));
    return {};
  }

  // Scores are scaled by √head_dim, and in the largest model by the root of the embedding's share of a head.
  Status check_score_scale(uint32_t largest) const {
    const uint32_t meant =
        shape_.n_layers == largest ? std::max(1u, shape_.n_embd / shape_.n_heads) : shape_.head_dim;
    if (TRY(config_.number("query_pre_attn_scalar", meant)) == meant) return {};
    return refuse(config_, "query_pre_attn_scalar", std::to_string(meant));
  }

  Status write_gemma2() {
    TRY(check_score_scale(kGemma2Largest));
    TRY(float32("attn_logit_softcapping", config_.number("attn_logit_softcapping", 50.0)));
    TRY(float32("final_logit_softcapping", config_.number("final_logit_softcapping", 30.0)));
    return uint32("attention.sliding_window", config_.count("sliding_window", UINT32_MAX, 4096));
  }

  Status write_gemma3() {
    TRY(check_score_scale(kGemma3Largest));
    if (config_.has("attn_logit_softcapping")) return refuse(config_, "attn_logit_softcapping", "null");
    if (config_.has("final_logit_softcapping"))
      TRY(float32("final_logit_softcapping", config_.number("final_logit_softcapping")));
    TRY(uint32("attention.sliding_window", config_.count("sliding_window", UINT32_MAX)));
    TRY(float32("rope.freq_base_swa", config_.number("rope_local_base_freq", 10000.0)));
    return uint32("attention.sliding_window_pattern", local_period());
  }

  // Stated, or as the layers' kinds have it: the last of so many attends to everything.
  Result<uint32_t> local_period() const {
    const Json& kinds = config_.at("layer_types");
    if (!kinds.is_array()) return config_.count("sliding_window_pattern", ModelConfig::kLayersMax, 6);
    const auto first = std::ranges::find(kinds, Json("full_attention"));
    const auto period = static_cast<size_t>(first - kinds.begin()) + 1;
    for (size_t i = 0; i < kinds.size(); ++i)
      if (kinds[i] != ((i + 1) % period == 0 ? "full_attention" : "sliding_attention"))
        return config_.bad(ErrorCode::ENOSYS_, fmt::format("layer_types[{}] breaks the pattern", i));
    return static_cast<uint32_t>(std::min<size_t>(period, ModelConfig::kLayersMax));
  }

  const HubJson& config_;
  const HubShape& shape_;
  GgufWriter& writer_;
  const HubJson scaling_;
  const std::string prefix_;
  uint32_t context_length_ = 0, n_rot_ = 0;
  double base_ = 0;
};

}  // namespace

Result<HubShape> read_hub_shape(const HubJson& config) {
  HubShape s;
  const std::string kind = config.text("model_type");
  const auto* family = std::ranges::find(kFamilies, kind, &Family::kind);
  if (family == std::end(kFamilies))
    return config.bad(ErrorCode::ENOSYS_,
                      fmt::format("model_type is {}; llama, mistral, qwen2, qwen3, gemma, gemma2, "
                                  "gemma3_text, phi3 and bert are converted",
                                  shown(config.at("model_type"))));
  s.architecture = family->architecture;
  s.n_layers = TRY(config.count("num_hidden_layers", ModelConfig::kLayersMax));
  s.n_embd = TRY(config.count("hidden_size", ModelConfig::kEmbdMax));
  s.n_ff = TRY(config.count("intermediate_size", ModelConfig::kFeedForwardMax));
  s.n_heads = TRY(config.count("num_attention_heads", ModelConfig::kHeadsMax));
  s.n_kv_heads = TRY(config.count("num_key_value_heads", ModelConfig::kHeadsMax, s.n_heads));
  const uint32_t usual = s.gemma() ? kGemmaHeadDim : std::max(1u, s.n_embd / s.n_heads);
  s.head_dim = TRY(config.count("head_dim", ModelConfig::kHeadDimMax, usual));
  s.n_vocab = TRY(config.count("vocab_size", PHI_VOCAB_MAX));
  if (s.head_dim % 2 != 0) return config.bad(ErrorCode::EPARSE_, "head_dim is odd");
  return s;
}

Status write_decoder_metadata(const HubJson& config, const HubShape& shape, GgufWriter& writer) {
  return DecoderMetadata(config, shape, writer).write();
}

// What a text's embedding is made of stands in a folder of sentence-transformers beside the model.
Status write_encoder_metadata(const HubJson& config, const HubShape& shape, const std::string& folder,
                              GgufWriter& writer) {
  if (config.text("hidden_act") != "gelu") return refuse(config, "hidden_act", "gelu");
  if (config.has("position_embedding_type") && config.text("position_embedding_type") != "absolute")
    return refuse(config, "position_embedding_type", "absolute");
  const HubJson pooling = TRY(HubJson::open_if_there(folder + "/1_Pooling/config.json"));
  constexpr uint32_t kMean = 1, kFirst = 2;
  writer.uint32("bert.block_count", shape.n_layers);
  writer.uint32("bert.context_length", TRY(config.count("max_position_embeddings", UINT32_MAX)));
  writer.uint32("bert.embedding_length", shape.n_embd);
  writer.uint32("bert.feed_forward_length", shape.n_ff);
  writer.uint32("bert.attention.head_count", shape.n_heads);
  writer.float32("bert.attention.layer_norm_epsilon",
                 static_cast<float>(TRY(config.number("layer_norm_eps", 1e-12))));
  writer.boolean("bert.attention.causal", false);
  writer.uint32("bert.pooling_type", pooling.at("pooling_mode_cls_token") == true ? kFirst : kMean);
  writer.uint32("tokenizer.ggml.token_type_count", TRY(config.count("type_vocab_size", PHI_VOCAB_MAX)));
  return {};
}

}  // namespace phios
