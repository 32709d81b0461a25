#include "tests/unit/drivers/model/native/hub_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "drivers/model/native/quant.h"

namespace phios::testing_support {

namespace {

using Json = nlohmann::json;

void halves(std::vector<float>& values, size_t width, size_t head_dim) {
  const std::vector<float> from = values;
  for (size_t row = 0; row < values.size() / width; ++row) {
    const size_t head = row / head_dim * head_dim, i = row % head_dim;
    const size_t source = head + i % (head_dim / 2) * 2 + i / (head_dim / 2);
    std::copy_n(from.begin() + static_cast<ptrdiff_t>(source * width), width,
                values.begin() + static_cast<ptrdiff_t>(row * width));
  }
}

std::string hub_name(const std::string& name, const std::string& architecture) {
  const size_t end = name.rfind('.');
  const std::string kind = name.substr(end);
  const bool encoder = architecture == "bert", layer = name.starts_with("blk.");
  const size_t dot = layer ? name.find('.', 4) : 0;
  const std::string part = layer ? name.substr(dot + 1, end - dot - 1) : name.substr(0, end);
  const std::string before =
      layer ? (encoder ? "encoder.layer." : "model.layers.") + name.substr(4, dot - 4) + "." : "";
  const bool post = architecture == "gemma2" || architecture == "gemma3";
  const Json of_decoder = {{"token_embd", "model.embed_tokens"},
                           {"output_norm", "model.norm"},
                           {"output", "lm_head"},
                           {"attn_norm", "input_layernorm"},
                           {"post_attention_norm", "post_attention_layernorm"},
                           {"ffn_norm", post ? "pre_feedforward_layernorm" : "post_attention_layernorm"},
                           {"post_ffw_norm", "post_feedforward_layernorm"},
                           {"attn_q_norm", "self_attn.q_norm"},
                           {"attn_k_norm", "self_attn.k_norm"},
                           {"attn_q", "self_attn.q_proj"},
                           {"attn_k", "self_attn.k_proj"},
                           {"attn_v", "self_attn.v_proj"},
                           {"attn_qkv", "self_attn.qkv_proj"},
                           {"attn_output", "self_attn.o_proj"},
                           {"ffn_gate", "mlp.gate_proj"},
                           {"ffn_up", architecture == "phi3" ? "mlp.gate_up_proj" : "mlp.up_proj"},
                           {"ffn_down", "mlp.down_proj"}};
  const Json of_encoder = {{"token_embd", "embeddings.word_embeddings"},
                           {"token_types", "embeddings.token_type_embeddings"},
                           {"position_embd", "embeddings.position_embeddings"},
                           {"token_embd_norm", "embeddings.LayerNorm"},
                           {"attn_q", "attention.self.query"},
                           {"attn_k", "attention.self.key"},
                           {"attn_v", "attention.self.value"},
                           {"attn_output", "attention.output.dense"},
                           {"attn_output_norm", "attention.output.LayerNorm"},
                           {"ffn_up", "intermediate.dense"},
                           {"ffn_down", "output.dense"},
                           {"layer_output_norm", "output.LayerNorm"}};
  return before + (encoder ? of_encoder : of_decoder).at(part).get<std::string>() + kind;
}

}  // namespace

HubFolder::HubFolder()
    : folder_(std::filesystem::path(testing::TempDir()) / ("phios_hub_" + std::to_string(::getpid()))) {
  std::filesystem::create_directories(folder_ / "1_Pooling");
}

HubFolder::~HubFolder() { std::filesystem::remove_all(folder_); }

void HubFolder::write(const char* name, const std::string& text) const {
  std::ofstream(folder_ / name, std::ios::binary) << text;
}

void HubFolder::write_tensors(const Gguf& file, const std::string& architecture, size_t head_dim) const {
  Json header;
  std::string data;
  for (const GgufTensor& t : file.tensors()) {
    if (t.name.starts_with("rope_")) continue;
    std::vector<float> values(t.elements);
    dequantize(t.type, t.data, values);
    if (architecture == "llama" && (t.name.ends_with("attn_q.weight") || t.name.ends_with("attn_k.weight")))
      halves(values, t.shape[0], head_dim);
    if (architecture.starts_with("gemma") && t.name.ends_with("norm.weight"))
      for (float& v : values) v -= 1;
    const Json shape = t.n_dims == 1 ? Json{t.shape[0]} : Json{t.shape[1], t.shape[0]};
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    header[hub_name(std::string(t.name), architecture)] = {
        {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  if (architecture == "bert") {  // as the files have it; nothing reads it
    header["embeddings.position_ids"] = {
        {"dtype", "I64"}, {"shape", {1, 1}}, {"data_offsets", {data.size(), data.size() + 8}}};
    data.append(8, '\0');
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  write("model.safetensors", bytes + text + data);
}

void HubFolder::write_byte_level(const Gguf& file) const {
  Json vocab = Json::object(), added = Json::array();
  const auto tokens = *file.strings("tokenizer.ggml.tokens");
  const auto types = *file.integers("tokenizer.ggml.token_type");
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (types[i] == 1)
      vocab[std::string(tokens[i])] = i;
    else
      added.push_back({{"id", i}, {"content", tokens[i]}, {"special", true}});
  }
  write("tokenizer.json", Json{{"added_tokens", added},
                               {"pre_tokenizer", {{"type", "ByteLevel"}}},
                               {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"Ġ Ġ"}}}}}
                              .dump());
}

}  // namespace phios::testing_support
