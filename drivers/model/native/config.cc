#include "drivers/model/native/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "syscalls/abi/limits.h"

namespace phios {

namespace {

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
  Result<double> positive_or(std::string_view key, double absent) const {
    const std::string name = prefix_ + std::string(key);
    const double value = TRY(file_.number_or(name, absent));
    if (!(value > 0)) return bad(name, fmt::format("is {}, it must be above 0", value));
    return value;
  }
  std::unexpected<Error> bad(const std::string& key, const std::string& what) const {
    return fail(ErrorCode::EPARSE_, fmt::format("{}: the metadata key {} {}", file_.name(), key, what));
  }
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

Status read_rope(const Gguf& file, const Keys& keys, ModelConfig& c) {
  c.n_rot = TRY(keys.count_or("rope.dimension_count", c.head_dim, c.head_dim));
  if (c.n_rot % 2 != 0) return keys.bad(keys.prefix() + "rope.dimension_count", "must be even");
  c.rope_neox = c.architecture == "qwen2";
  c.rope_base = TRY(keys.positive_or("rope.freq_base", 10000.0));
  const auto kind = TRY(file.string_or(keys.prefix() + "rope.scaling.type", "none"));
  if (kind != "none" && kind != "linear")
    return fail(ErrorCode::ENOSYS_,
                fmt::format("{}: the metadata key {}rope.scaling.type asks for a scaling other "
                            "than none and linear, which is not supported",
                            file.name(), keys.prefix()));
  const double old_factor = TRY(keys.positive_or("rope.scale_linear", 1.0));
  const double factor = TRY(keys.positive_or("rope.scaling.factor", old_factor));
  c.rope_scale = 1.0 / factor;
  return {};
}

}  // namespace

Result<ModelConfig> read_config(const Gguf& file) {
  ModelConfig c;
  c.architecture = TRY(file.string("general.architecture"));
  if (c.architecture != "llama" && c.architecture != "qwen2")
    return fail(ErrorCode::ENOSYS_,
                fmt::format("{}: the architecture is \"{}\"; llama and qwen2 are supported", file.name(),
                            c.architecture.substr(0, 64)));
  c.name = TRY(file.string_or("general.name", file.name()));
  const Keys keys(file, c.architecture);
  c.n_layers = TRY(keys.count("block_count", ModelConfig::kLayersMax));
  c.n_embd = TRY(keys.count("embedding_length", ModelConfig::kEmbdMax));
  c.n_ff = TRY(keys.count("feed_forward_length", ModelConfig::kFeedForwardMax));
  c.context_length = std::min<uint32_t>(TRY(keys.count("context_length", UINT32_MAX)), PHI_CONTEXT_MAX);
  c.rms_eps = static_cast<float>(TRY(keys.positive_or("attention.layer_norm_rms_epsilon", 1e-5)));
  if (TRY(file.uint_or(keys.prefix() + "expert_count", 0)) > 0)
    return fail(ErrorCode::ENOSYS_, file.name() + ": a mixture of experts, which is not supported");
  if (auto status = read_heads(keys, c); !status) return std::unexpected(status.error());
  if (auto status = read_rope(file, keys, c); !status) return std::unexpected(status.error());
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (!embedding) return fail(ErrorCode::EPARSE_, file.name() + ": the tensor token_embd.weight is missing");
  if (embedding->shape[1] > PHI_VOCAB_MAX)
    return fail(ErrorCode::ETOOBIG_, fmt::format("{}: {} tokens, at most {} are supported", file.name(),
                                                 embedding->shape[1], PHI_VOCAB_MAX));
  c.n_vocab = static_cast<uint32_t>(embedding->shape[1]);
  return c;
}

void rope_table(const ModelConfig& c, std::span<const float> factors, uint32_t position, float* turn) {
  float* cosines = turn;
  float* sines = turn + c.n_rot;
  const uint32_t half = c.n_rot / 2;
  for (uint32_t i = 0; i < half; ++i) {
    double frequency = std::pow(c.rope_base, -2.0 * i / c.n_rot);
    if (!factors.empty()) frequency /= static_cast<double>(factors[i]);
    const double angle = position * c.rope_scale * frequency;
    const uint32_t a = c.rope_neox ? i : 2 * i;
    const uint32_t b = c.rope_neox ? i + half : 2 * i + 1;
    cosines[a] = cosines[b] = static_cast<float>(std::cos(angle));
    sines[b] = static_cast<float>(std::sin(angle));
    sines[a] = -sines[b];
  }
}

}  // namespace phios
