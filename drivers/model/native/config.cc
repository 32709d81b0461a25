#include "drivers/model/native/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "drivers/model/native/quant.h"
#include "syscalls/abi/limits.h"

namespace phios {

namespace {

constexpr std::string_view kArchitectures[] = {"llama",  "qwen2",  "qwen3", "gemma",
                                               "gemma2", "gemma3", "phi3"};
constexpr std::string_view kShortFactors = "rope_factors_short.weight";
constexpr std::string_view kLongFactors = "rope_factors_long.weight";
constexpr std::string_view kFactors = "rope_freqs.weight";

// Reads keys below the architecture's prefix, and bounds them.
class Keys {
 public:
  Keys(const Gguf& file, std::string architecture) : file_(file), prefix_(std::move(architecture) + ".") {}

  Result<uint32_t> count(std::string_view key, uint32_t max) const {
    const std::string name = prefix_ + std::string(key);
    return bounded(name, TRY(file_.uint(name)), max);
  }
  Result<uint32_t> count_or(std::string_view key, uint32_t absent, uint32_t max) const {
    const std::string name = prefix_ + std::string(key);
    return bounded(name, TRY(file_.uint_or(name, absent)), max);
  }
  Result<uint32_t> count_or_zero(std::string_view key, uint32_t max) const {
    const uint64_t value = TRY(file_.uint_or(prefix_ + std::string(key), 0));
    return value == 0 ? Result<uint32_t>(0u) : bounded(prefix_ + std::string(key), value, max);
  }
  Result<double> positive_or(std::string_view key, double absent) const {
    const std::string name = prefix_ + std::string(key);
    const double value = TRY(file_.number_or(name, absent));
    if (!(value > 0)) return bad(name, fmt::format("is {}, it must be above 0", value));
    return value;
  }
  std::unexpected<Error> bad(const std::string& key, const std::string& what) const {
    return fail(ErrorCode::EPARSE_, fmt::format("{}: the metadata key {} {}", file_.name(), key, what));
  }
  bool has(std::string_view key) const { return file_.has(prefix_ + std::string(key)); }
  const std::string& prefix() const { return prefix_; }

 private:
  Result<uint32_t> bounded(const std::string& name, uint64_t value, uint32_t max) const {
    if (value < 1 || value > max) return bad(name, fmt::format("is {}, 1 to {} are allowed", value, max));
    return static_cast<uint32_t>(value);
  }

  const Gguf& file_;
  std::string prefix_;
};

Status read_heads(const Keys& keys, ModelConfig& c) {
  c.n_heads = TRY(keys.count("attention.head_count", ModelConfig::kHeadsMax));
  c.n_kv_heads = TRY(keys.count_or("attention.head_count_kv", c.n_heads, ModelConfig::kHeadsMax));
  if (c.n_heads % c.n_kv_heads != 0)
    return keys.bad(keys.prefix() + "attention.head_count",
                    fmt::format("is {}, no multiple of the {} key/value heads", c.n_heads, c.n_kv_heads));
  const uint32_t usual = std::max(1u, c.n_embd / c.n_heads);
  c.head_dim = TRY(keys.count_or("attention.key_length", usual, ModelConfig::kHeadDimMax));
  const uint32_t value_dim =
      TRY(keys.count_or("attention.value_length", c.head_dim, ModelConfig::kHeadDimMax));
  if (value_dim != c.head_dim)
    return keys.bad(keys.prefix() + "attention.value_length",
                    fmt::format("is {}, keys have {} elements: unequal lengths are not supported", value_dim,
                                c.head_dim));
  if (c.head_dim % ModelConfig::kHeadDimStep != 0)
    return keys.bad(keys.prefix() + "attention.key_length",
                    fmt::format("gives heads of {} elements, multiples of {} are supported", c.head_dim,
                                ModelConfig::kHeadDimStep));
  return {};
}

// An absent type with a factor means linear, as other engines have it.
Status read_rope_scaling(const Gguf& file, const Keys& keys, ModelConfig& c) {
  const auto kind = TRY(file.string_or(keys.prefix() + "rope.scaling.type", "linear"));
  if (kind == "none") return {};
  if (kind != "linear" && kind != "yarn" && kind != "longrope")
    return fail(ErrorCode::ENOSYS_,
                fmt::format("{}: the metadata key {}rope.scaling.type asks for a scaling other "
                            "than none, linear, yarn and longrope, which is not supported",
                            file.name(), keys.prefix()));
  c.rope.magnitude = TRY(keys.positive_or("rope.scaling.attn_factor", 1.0));
  if (kind == "longrope") return {};
  const double old_factor = TRY(keys.positive_or("rope.scale_linear", 1.0));
  c.rope.scale = 1.0 / TRY(keys.positive_or("rope.scaling.factor", old_factor));
  c.rope.yarn = kind == "yarn";
  c.rope.beta_fast = TRY(keys.positive_or("rope.scaling.yarn_beta_fast", 32.0));
  c.rope.beta_slow = TRY(keys.positive_or("rope.scaling.yarn_beta_slow", 1.0));
  if (c.rope.yarn && !(c.rope.base > 1)) return keys.bad(keys.prefix() + "rope.freq_base", "must be above 1");
  return {};
}

Status read_rope(const Gguf& file, const Keys& keys, uint32_t longest, ModelConfig& c) {
  c.n_rot = TRY(keys.count_or("rope.dimension_count", c.head_dim, c.head_dim));
  if (c.n_rot % 2 != 0) return keys.bad(keys.prefix() + "rope.dimension_count", "must be even");
  c.rope_neox = c.architecture != "llama";
  c.rope.base = TRY(keys.positive_or("rope.freq_base", 10000.0));
  c.rope.original_context =
      TRY(keys.count_or("rope.scaling.original_context_length", c.context_length, UINT32_MAX));
  TRY(read_rope_scaling(file, keys, c));
  c.local_rope = c.rope;
  // LongRoPE has factors for contexts as long as those of training and others for longer ones. Pages hold
  // turned keys, so which they are cannot change later.
  c.long_factors = longest > c.rope.original_context && file.find_tensor(kLongFactors);
  if (file.find_tensor(kShortFactors) && !c.long_factors)
    c.context_length = std::min(c.context_length, c.rope.original_context);
  return {};
}

// The largest models of these families scale by the embedding's share of a head.
float gemma_scale(const ModelConfig& c, uint32_t largest) {
  const uint32_t share = std::max(1u, c.n_embd / c.n_heads);
  return c.n_layers == largest ? 1.0f / std::sqrt(static_cast<float>(share)) : 0.0f;
}

// What a family is beside its shape.
Status read_family(const Keys& keys, ModelConfig& c) {
  const std::string& a = c.architecture;
  const bool gemma = a.starts_with("gemma");
  c.qkv_bias = a == "qwen2";
  c.qk_norm = a == "qwen3" || a == "gemma3";
  c.post_norms = a == "gemma2" || a == "gemma3";
  if (gemma) c.activation = Activation::kGelu;
  if (gemma) c.embedding_scale = std::sqrt(static_cast<float>(c.n_embd));
  if (a == "gemma2") {
    c.attention_scale = gemma_scale(c, 46);
    c.attention_cap = static_cast<float>(TRY(keys.positive_or("attn_logit_softcapping", 50.0)));
    c.logit_cap = static_cast<float>(TRY(keys.positive_or("final_logit_softcapping", 30.0)));
    c.window = TRY(keys.count_or("attention.sliding_window", 4096, UINT32_MAX));
    c.local_period = 2;
  } else if (a == "gemma3") {
    c.attention_scale = gemma_scale(c, 62);
    if (keys.has("final_logit_softcapping"))
      c.logit_cap = static_cast<float>(TRY(keys.positive_or("final_logit_softcapping", 1.0)));
    c.window = TRY(keys.count("attention.sliding_window", UINT32_MAX));
    c.local_period = TRY(keys.count_or("attention.sliding_window_pattern", 6, ModelConfig::kLayersMax));
    c.local_rope = {.base = TRY(keys.positive_or("rope.freq_base_swa", 10000.0))};
  } else if (a == "phi3") {
    c.fused_gate = true;
    c.window = TRY(keys.count_or_zero("attention.sliding_window", UINT32_MAX));  // 0 in the files of Phi-4
  }
  return {};
}

}  // namespace

std::span<const std::string_view> decoder_architectures() { return kArchitectures; }

Result<ModelConfig> read_config(const Gguf& file, uint32_t longest) {
  ModelConfig c;
  c.architecture = TRY(file.string("general.architecture"));
  if (std::ranges::find(kArchitectures, c.architecture) == std::end(kArchitectures))
    return fail(ErrorCode::ENOSYS_,
                fmt::format("{}: the architecture is \"{}\"; {} are supported", file.name(),
                            c.architecture.substr(0, 64), fmt::join(kArchitectures, ", ")));
  c.name = TRY(file.string_or("general.name", file.name()));
  const Keys keys(file, c.architecture);
  c.n_layers = TRY(keys.count("block_count", ModelConfig::kLayersMax));
  c.n_embd = TRY(keys.count("embedding_length", ModelConfig::kEmbdMax));
  c.n_ff = TRY(keys.count("feed_forward_length", ModelConfig::kFeedForwardMax));
  c.context_length = std::min<uint32_t>(TRY(keys.count("context_length", UINT32_MAX)), PHI_CONTEXT_MAX);
  c.rms_eps = static_cast<float>(TRY(keys.positive_or("attention.layer_norm_rms_epsilon", 1e-5)));
  if (TRY(file.uint_or(keys.prefix() + "expert_count", 0)) > 0)
    return fail(ErrorCode::ENOSYS_, file.name() + ": a mixture of experts, which is not supported");
  TRY(read_heads(keys, c));
  TRY(read_rope(file, keys, longest, c));
  TRY(read_family(keys, c));
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (!embedding) return fail(ErrorCode::EPARSE_, file.name() + ": the tensor token_embd.weight is missing");
  if (embedding->shape[1] > PHI_VOCAB_MAX)
    return fail(ErrorCode::ETOOBIG_, fmt::format("{}: {} tokens, at most {} are supported", file.name(),
                                                 embedding->shape[1], PHI_VOCAB_MAX));
  c.n_vocab = static_cast<uint32_t>(embedding->shape[1]);
  return c;
}

Result<std::vector<float>> read_rope_factors(const Gguf& file, const ModelConfig& config) {
  std::vector<float> factors;
  const std::string_view name = config.long_factors               ? kLongFactors
                                : file.find_tensor(kShortFactors) ? kShortFactors
                                                                  : kFactors;
  const GgufTensor* t = file.find_tensor(name);
  if (!t) return factors;
  if (t->elements != config.n_rot / 2)
    return fail(ErrorCode::EPARSE_, fmt::format("{}: the tensor {} has {} elements; {} were expected",
                                                file.name(), name, t->elements, config.n_rot / 2));
  factors.resize(t->elements);
  dequantize(t->type, t->data, factors);
  for (const float f : factors)
    if (!(f > 0))
      return fail(ErrorCode::EPARSE_, fmt::format("{}: {}: a factor is not above 0", file.name(), name));
  return factors;
}

}  // namespace phios
