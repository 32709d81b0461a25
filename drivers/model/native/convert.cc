#include "drivers/model/native/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>

#include "drivers/model/native/config.h"
#include "drivers/model/native/json_text.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/safetensors.h"
#include "syscalls/abi/limits.h"

namespace phios {

namespace {

using Json = nlohmann::json;

struct Rename {
  std::string_view from, to;
};
constexpr Rename kWhole[] = {{"model.embed_tokens.weight", "token_embd.weight"},
                             {"model.norm.weight", "output_norm.weight"},
                             {"lm_head.weight", "output.weight"}};
constexpr Rename kOfLayer[] = {
    {"input_layernorm.weight", "attn_norm.weight"},    {"post_attention_layernorm.weight", "ffn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},      {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.v_proj.weight", "attn_v.weight"},      {"self_attn.o_proj.weight", "attn_output.weight"},
    {"self_attn.q_proj.bias", "attn_q.bias"},          {"self_attn.k_proj.bias", "attn_k.bias"},
    {"self_attn.v_proj.bias", "attn_v.bias"},          {"self_attn.o_proj.bias", "attn_output.bias"},
    {"self_attn.q_norm.weight", "attn_q_norm.weight"}, {"self_attn.k_norm.weight", "attn_k_norm.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},       {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"}};
constexpr std::string_view kLayerPrefix = "model.layers.";
// Tables that other engines kept in their files and that nothing reads.
constexpr std::string_view kIgnoredSuffix = ".rotary_emb.inv_freq";

// What the tensor is called in a GGUF file; empty: it is not known, or of no use.
std::string gguf_name(std::string_view name) {
  for (const auto& [from, to] : kWhole)
    if (name == from) return std::string(to);
  if (!name.starts_with(kLayerPrefix)) return {};
  name.remove_prefix(kLayerPrefix.size());
  const std::string_view layer = name.substr(0, name.find('.'));
  for (const auto& [from, to] : kOfLayer)
    if (name.substr(std::min(layer.size() + 1, name.size())) == from)
      return fmt::format("blk.{}.{}", layer, to);
  return {};
}

Result<std::string> read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return fail(ErrorCode::EIO_, path + ": cannot be read");
  return text;
}

class Converter {
 public:
  Converter(std::string folder, GgmlType type) : folder_(std::move(folder)), type_(type) {}

  Result<std::vector<std::byte>> convert() {
    config_ = TRY(json("config.json"));
    TRY(read_shape());
    TRY(open_files());
    TRY(write_metadata());
    TRY(write_vocabulary());
    TRY(write_rope_factors());
    for (const Safetensors& file : files_)
      for (const auto& [name, tensor] : file.tensors()) TRY(write_tensor(name, tensor));
    return writer_.finish();
  }

 private:
  std::string path(std::string_view name) const { return fmt::format("{}/{}", folder_, name); }
  std::unexpected<Error> bad(ErrorCode code, std::string_view file, const std::string& what) const {
    return fail(code, fmt::format("{}: {}", path(file), what));
  }

  Result<Json> json(std::string_view name) const {
    Json parsed = parse_json_text(TRY(read_all(path(name))));
    if (!parsed.is_object()) return bad(ErrorCode::EPARSE_, name, "no JSON object");
    return parsed;
  }

  Result<uint32_t> count(const char* key, uint32_t max, uint32_t absent = 0) const {
    const Json value = config_.value(key, Json());
    if (value.is_null() && absent > 0) return absent;
    if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 || value.get<uint64_t>() > max)
      return bad(ErrorCode::EPARSE_, "config.json", fmt::format("{} is no number from 1 to {}", key, max));
    return value.get<uint32_t>();
  }
  static Result<double> number(const Json& from, const char* key, double absent, const std::string& file) {
    const Json value = from.value(key, Json());
    if (value.is_null() && absent > 0) return absent;
    if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>()))
      return fail(ErrorCode::EPARSE_, fmt::format("{}: {} is no number above 0", file, key));
    return value.get<double>();
  }

  Status read_shape() {
    const Json kind = config_.value("model_type", Json());
    architecture_ = kind == "llama" || kind == "mistral" ? "llama" : kind == "qwen2" ? "qwen2" : "qwen3";
    if (architecture_ == "qwen3" && kind != "qwen3")
      return bad(
          ErrorCode::ENOSYS_, "config.json",
          "model_type is " + kind.dump().substr(0, 64) + "; llama, mistral, qwen2 and qwen3 are converted");
    n_layers_ = TRY(count("num_hidden_layers", ModelConfig::kLayersMax));
    n_embd_ = TRY(count("hidden_size", ModelConfig::kEmbdMax));
    n_heads_ = TRY(count("num_attention_heads", ModelConfig::kHeadsMax));
    n_kv_heads_ = TRY(count("num_key_value_heads", ModelConfig::kHeadsMax, n_heads_));
    head_dim_ = TRY(count("head_dim", ModelConfig::kHeadDimMax, std::max(1u, n_embd_ / n_heads_)));
    n_vocab_ = TRY(count("vocab_size", PHI_VOCAB_MAX));
    if (head_dim_ % 2 != 0) return bad(ErrorCode::EPARSE_, "config.json", "head_dim is odd");
    return {};
  }

  Status write_metadata() {
    const std::string p = architecture_ + ".";
    writer_.string("general.architecture", architecture_);
    writer_.string("general.name", folder_.substr(folder_.find_last_of('/') + 1));
    writer_.uint32(p + "block_count", n_layers_);
    writer_.uint32(p + "embedding_length", n_embd_);
    writer_.uint32(p + "feed_forward_length", TRY(count("intermediate_size", ModelConfig::kFeedForwardMax)));
    writer_.uint32(p + "context_length", TRY(count("max_position_embeddings", UINT32_MAX, 2048)));
    writer_.uint32(p + "attention.head_count", n_heads_);
    writer_.uint32(p + "attention.head_count_kv", n_kv_heads_);
    writer_.uint32(p + "attention.key_length", head_dim_);
    writer_.uint32(p + "attention.value_length", head_dim_);
    writer_.uint32(p + "rope.dimension_count", head_dim_);
    writer_.float32(p + "attention.layer_norm_rms_epsilon",
                    static_cast<float>(TRY(number(config_, "rms_norm_eps", 1e-5, path("config.json")))));
    rope_base_ = TRY(number(config_, "rope_theta", 10000.0, path("config.json")));
    writer_.float32(p + "rope.freq_base", static_cast<float>(rope_base_));
    return write_rope_scaling(p);
  }

  Status write_rope_scaling(const std::string& p) {
    scaling_ = config_.value("rope_scaling", Json());
    if (!scaling_.is_object()) return {};
    const Json kind = scaling_.value("rope_type", scaling_.value("type", Json()));
    if (kind == "default" || kind == "llama3") return {};
    if (kind != "linear" && kind != "yarn")
      return bad(ErrorCode::ENOSYS_, "config.json",
                 "rope_scaling of the type " + kind.dump().substr(0, 64) + " is not converted");
    writer_.string(p + "rope.scaling.type", kind.get<std::string>());
    writer_.float32(p + "rope.scaling.factor",
                    static_cast<float>(TRY(number(scaling_, "factor", 0, path("config.json")))));
    if (const Json original = scaling_.value("original_max_position_embeddings", Json());
        original.is_number_unsigned())
      writer_.uint32(p + "rope.scaling.original_context_length",
                     static_cast<uint32_t>(std::min<uint64_t>(original.get<uint64_t>(), UINT32_MAX)));
    return {};
  }

  // Llama 3.1's stretching of slow frequencies, as the factors that a GGUF file has in a tensor.
  Status write_rope_factors() {
    if (!scaling_.is_object() || scaling_.value("rope_type", Json()) != "llama3") return {};
    const std::string file = path("config.json");
    const double factor = TRY(number(scaling_, "factor", 0, file));
    const double low = TRY(number(scaling_, "low_freq_factor", 0, file));
    const double high = TRY(number(scaling_, "high_freq_factor", 0, file));
    const double original = TRY(number(scaling_, "original_max_position_embeddings", 0, file));
    if (!(high > low))
      return bad(ErrorCode::EPARSE_, "config.json", "high_freq_factor is not above low_freq_factor");
    std::vector<float> factors;
    for (uint32_t i = 0; i < head_dim_ / 2; ++i) {
      const double wavelength = 2 * std::numbers::pi * std::pow(rope_base_, 2.0 * i / head_dim_);
      const double kept = std::clamp((original / wavelength - low) / (high - low), 0.0, 1.0);
      factors.push_back(static_cast<float>(1 / ((1 - kept) / factor + kept)));
    }
    writer_.tensor("rope_freqs.weight", GgmlType::kF32, {factors.size()}, std::as_bytes(std::span(factors)));
    return {};
  }

  Status write_vocabulary() {
    const VocabData vocab =
        TRY(read_tokenizer_json(TRY(read_all(path("tokenizer.json"))), path("tokenizer.json"), n_vocab_));
    writer_.string("tokenizer.ggml.model", vocab.model);
    writer_.string("tokenizer.ggml.pre", vocab.pre);
    writer_.strings("tokenizer.ggml.tokens", vocab.tokens);
    writer_.int32s("tokenizer.ggml.token_type", std::vector<int32_t>(vocab.types.begin(), vocab.types.end()));
    writer_.strings("tokenizer.ggml.merges", vocab.merges);
    for (const auto& [key, of] : {std::pair("bos_token_id", "bos"), {"eos_token_id", "eos"}}) {
      Json id = config_.value(key, Json());
      if (id.is_array() && !id.empty()) id = Json(id[0]);  // several tokens may end a text
      if (!id.is_number_unsigned()) continue;
      if (id.get<uint64_t>() >= n_vocab_)
        return bad(ErrorCode::EPARSE_, "config.json", fmt::format("{} is outside of the vocabulary", key));
      writer_.uint32(fmt::format("tokenizer.ggml.{}_token_id", of), id.get<uint32_t>());
    }
    writer_.boolean("tokenizer.ggml.add_bos_token", architecture_ == "llama");
    return {};
  }

  // model.safetensors, or the files that its index names.
  Status open_files() {
    std::set<std::string> names = {"model.safetensors"};
    if (std::ifstream(path("model.safetensors.index.json"))) {
      names.clear();
      const Json index = TRY(json("model.safetensors.index.json"));
      const Json map = index.value("weight_map", Json());
      for (const auto& [tensor, file] : map.items()) {
        if (!file.is_string() || file.get<std::string>().find('/') != std::string::npos)
          return bad(ErrorCode::EPARSE_, "model.safetensors.index.json",
                     "weight_map names no file in the folder");
        names.insert(file.get<std::string>());
      }
    }
    for (const std::string& name : names) files_.push_back(TRY(Safetensors::open(path(name))));
    return {};
  }

  // llama's queries and keys turn neighbours in a GGUF file, and halves of a head where they come from.
  void interleave(std::vector<float>& values, uint32_t heads, uint64_t width) const {
    const std::vector<float> from = values;
    const uint32_t half = head_dim_ / 2;
    for (uint32_t h = 0; h < heads; ++h)
      for (uint32_t i = 0; i < head_dim_; ++i) {
        const uint64_t source = uint64_t{h} * head_dim_ + i % 2 * half + i / 2;
        std::copy_n(from.begin() + static_cast<ptrdiff_t>(source * width), width,
                    values.begin() + static_cast<ptrdiff_t>((uint64_t{h} * head_dim_ + i) * width));
      }
  }

  Status write_tensor(const std::string& name, const SafeTensor& tensor) {
    if (name.ends_with(kIgnoredSuffix)) return {};
    if (name == "lm_head.weight" && config_.value("tie_word_embeddings", Json()) == true) return {};
    const std::string to = gguf_name(name);
    if (to.empty())
      return fail(ErrorCode::ENOSYS_,
                  fmt::format("{}: the tensor \"{}\" is not known", folder_, printable(name)));
    if (tensor.shape.size() > 2 || !written_.insert(to).second)
      return fail(ErrorCode::EPARSE_, fmt::format("{}: the tensor \"{}\" stands twice or is no matrix",
                                                  folder_, printable(name)));
    std::vector<float> values = tensor.floats();
    const bool query = to.ends_with("attn_q.weight") || to.ends_with("attn_q.bias");
    if (architecture_ == "llama" && (query || to.ends_with("attn_k.weight") || to.ends_with("attn_k.bias"))) {
      const uint32_t heads = query ? n_heads_ : n_kv_heads_;
      if (tensor.shape[0] != uint64_t{heads} * head_dim_)
        return fail(ErrorCode::EPARSE_,
                    fmt::format("{}: the tensor \"{}\" has {} rows for {} heads of {}", folder_,
                                printable(name), tensor.shape[0], heads, head_dim_));
      interleave(values, heads, tensor.elements / tensor.shape[0]);
    }
    const std::vector<uint64_t> shape(tensor.shape.rbegin(), tensor.shape.rend());
    const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type_));
    const bool plain = shape.size() < 2 || shape[0] % info->block_elements != 0;
    const GgmlType type = shape.size() < 2 ? GgmlType::kF32 : plain ? GgmlType::kF16 : type_;
    writer_.tensor(to, type, shape, quantize(type, values));
    return {};
  }

  const std::string folder_;
  const GgmlType type_;
  Json config_, scaling_;
  std::string architecture_;
  uint32_t n_layers_ = 0, n_embd_ = 0, n_heads_ = 0, n_kv_heads_ = 0, head_dim_ = 0, n_vocab_ = 0;
  double rope_base_ = 0;
  std::vector<Safetensors> files_;
  std::set<std::string> written_;
  GgufWriter writer_;
};

}  // namespace

Result<std::vector<std::byte>> convert_model(const std::string& folder, GgmlType type) {
  std::vector<std::byte> bytes = TRY(Converter(folder, type).convert());
  const Gguf file = TRY(Gguf::parse(bytes, folder));  // what is missing is said now, not when it is opened
  TRY(read_config(file));
  return bytes;
}

}  // namespace phios
