// Tensor names: Hugging Face's, and those of a GGUF file.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "drivers/model/native/convert_parts.h"

namespace phios {

namespace {

struct Rename {
  std::string_view from, to;
};
constexpr Rename kWhole[] = {{"model.embed_tokens.weight", "token_embd.weight"},
                             {"model.norm.weight", "output_norm.weight"},
                             {"lm_head.weight", "output.weight"}};
// Of gemma2 and gemma3, which norm what attention and feed-forward give as well; they come before the next.
constexpr Rename kOfPostNormed[] = {{"post_attention_layernorm.weight", "post_attention_norm.weight"},
                                    {"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
                                    {"post_feedforward_layernorm.weight", "post_ffw_norm.weight"}};
constexpr Rename kOfLayer[] = {
    {"input_layernorm.weight", "attn_norm.weight"},    {"post_attention_layernorm.weight", "ffn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},      {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.v_proj.weight", "attn_v.weight"},      {"self_attn.o_proj.weight", "attn_output.weight"},
    {"self_attn.q_proj.bias", "attn_q.bias"},          {"self_attn.k_proj.bias", "attn_k.bias"},
    {"self_attn.v_proj.bias", "attn_v.bias"},          {"self_attn.o_proj.bias", "attn_output.bias"},
    {"self_attn.q_norm.weight", "attn_q_norm.weight"}, {"self_attn.k_norm.weight", "attn_k_norm.weight"},
    {"self_attn.qkv_proj.weight", "attn_qkv.weight"},  {"mlp.gate_up_proj.weight", "ffn_up.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},       {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"}};
// An encoder's parts have a weight and, but for the tables, a bias each.
constexpr Rename kWholeOfEncoder[] = {{"embeddings.word_embeddings", "token_embd"},
                                      {"embeddings.position_embeddings", "position_embd"},
                                      {"embeddings.token_type_embeddings", "token_types"},
                                      {"embeddings.LayerNorm", "token_embd_norm"}};
constexpr Rename kOfEncoderLayer[] = {{"attention.self.query", "attn_q"},
                                      {"attention.self.key", "attn_k"},
                                      {"attention.self.value", "attn_v"},
                                      {"attention.output.dense", "attn_output"},
                                      {"attention.output.LayerNorm", "attn_output_norm"},
                                      {"intermediate.dense", "ffn_up"},
                                      {"output.dense", "ffn_down"},
                                      {"output.LayerNorm", "layer_output_norm"}};
constexpr std::string_view kLayerPrefix = "model.layers.", kEncoderLayerPrefix = "encoder.layer.";

std::string_view renamed(std::span<const Rename> names, std::string_view name) {
  const auto found = std::ranges::find(names, name, &Rename::from);
  return found == names.end() ? std::string_view() : found->to;
}

// "prefix 7 . rest" into the layer's number and the rest; false: the name is not of that form.
bool split_layer(std::string_view prefix, std::string_view name, std::string_view& layer,
                 std::string_view& rest) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  layer = name.substr(0, name.find('.'));
  rest = name.substr(std::min(layer.size() + 1, name.size()));
  return !layer.empty() && layer.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string encoder_name(std::string_view name) {
  if (name.starts_with("bert.")) name.remove_prefix(5);
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view part = name.substr(0, dot), kind = name.substr(dot);
  if (kind != ".weight" && kind != ".bias") return {};
  std::string_view layer, rest;
  if (split_layer(kEncoderLayerPrefix, part, layer, rest)) {
    const std::string_view to = renamed(kOfEncoderLayer, rest);
    return to.empty() ? std::string() : fmt::format("blk.{}.{}{}", layer, to, kind);
  }
  const std::string_view to = renamed(kWholeOfEncoder, part);
  return to.empty() ? std::string() : fmt::format("{}{}", to, kind);
}

}  // namespace

std::string gguf_tensor_name(std::string_view architecture, std::string_view name) {
  if (architecture == "bert") return encoder_name(name);
  std::string_view layer, rest;
  if (!split_layer(kLayerPrefix, name, layer, rest)) return std::string(renamed(kWhole, name));
  std::string_view to;
  if (architecture == "gemma2" || architecture == "gemma3") to = renamed(kOfPostNormed, rest);
  if (to.empty()) to = renamed(kOfLayer, rest);
  return to.empty() ? std::string() : fmt::format("blk.{}.{}", layer, to);
}

bool ignored_tensor(std::string_view architecture, std::string_view name) {
  if (architecture != "bert") return name.ends_with(".rotary_emb.inv_freq");
  if (name.starts_with("bert.")) name.remove_prefix(5);
  return name == "embeddings.position_ids" || name.starts_with("pooler.") || name.starts_with("cls.");
}

}  // namespace phios
