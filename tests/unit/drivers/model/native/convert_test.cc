// A model taken out of a GGUF file into Hugging Face's form and converted back: the same logits.
#include "drivers/model/native/convert.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "drivers/model/native/quant.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using namespace testing_support;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr uint32_t kHeadDim = 32, kHeads = 4, kKvHeads = 2;

class Convert : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("phios_convert_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  static std::string hub_name(std::string_view name) {
    const auto tail = [&](std::string_view from) { return name.ends_with(from); };
    if (name == "token_embd.weight") return "model.embed_tokens.weight";
    if (name == "output_norm.weight") return "model.norm.weight";
    if (name == "output.weight") return "lm_head.weight";
    const size_t dot = name.find('.', 4);
    const std::string layer = "model.layers." + std::string(name.substr(4, dot - 4)) + ".";
    const std::string suffix = tail(".bias") ? ".bias" : ".weight";
    for (const auto& [from, to] : {std::pair("attn_norm", "input_layernorm"),
                                   {"ffn_norm", "post_attention_layernorm"},
                                   {"attn_q_norm", "self_attn.q_norm"},
                                   {"attn_k_norm", "self_attn.k_norm"},
                                   {"attn_q", "self_attn.q_proj"},
                                   {"attn_k", "self_attn.k_proj"},
                                   {"attn_v", "self_attn.v_proj"},
                                   {"attn_output", "self_attn.o_proj"},
                                   {"ffn_gate", "mlp.gate_proj"},
                                   {"ffn_up", "mlp.up_proj"},
                                   {"ffn_down", "mlp.down_proj"}})
      if (name.substr(dot + 1) == from + suffix) return layer + to + suffix;
    ADD_FAILURE() << name;
    return {};
  }

  // Rows in the order in which halves of a head turn together.
  static void halves(std::vector<float>& values, size_t width) {
    const std::vector<float> from = values;
    for (size_t row = 0; row < values.size() / width; ++row) {
      const size_t head = row / kHeadDim * kHeadDim, i = row % kHeadDim;
      const size_t source = head + i % (kHeadDim / 2) * 2 + i / (kHeadDim / 2);
      std::copy_n(from.begin() + static_cast<ptrdiff_t>(source * width), width,
                  values.begin() + static_cast<ptrdiff_t>(row * width));
    }
  }

  void write_tensors(const Gguf& file, bool llama) const {
    Json header;
    std::string data;
    for (const GgufTensor& t : file.tensors()) {
      std::vector<float> values(t.elements);
      dequantize(t.type, t.data, values);
      if (llama && (t.name.ends_with("attn_q.weight") || t.name.ends_with("attn_k.weight")))
        halves(values, t.shape[0]);
      Json shape = t.n_dims == 1 ? Json{t.shape[0]} : Json{t.shape[1], t.shape[0]};
      const size_t begin = data.size();
      data.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
      header[hub_name(t.name)] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
    }
    const std::string text = header.dump();
    const uint64_t length = text.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    write("model.safetensors", bytes + text + data);
  }

  void write_vocabulary(const Gguf& file) const {
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

  static Json config(const std::string& kind) {
    return {{"model_type", kind},        {"num_hidden_layers", 2},   {"hidden_size", 128},
            {"num_attention_heads", 4},  {"num_key_value_heads", 2}, {"head_dim", 32},
            {"vocab_size", 264},         {"intermediate_size", 96},  {"max_position_embeddings", 512},
            {"rms_norm_eps", 1e-5},      {"rope_theta", 10000.0},    {"bos_token_id", 259},
            {"eos_token_id", {259, 258}}};
  }

  std::string refusal() const {
    const auto out = convert_model(folder_.string(), GgmlType::kF32);
    return out ? "" : out.error().message;
  }

  std::filesystem::path folder_;
};

TEST_P(Convert, GivesTheSameLogitsThereAndBack) {
  const std::string kind = GetParam();
  const std::string architecture = kind == "mistral" ? "llama" : kind;
  const std::vector<std::byte> bytes = make_random_model({.architecture = architecture,
                                                          .n_layers = 2,
                                                          .n_embd = 128,
                                                          .n_heads = kHeads,
                                                          .n_kv_heads = kKvHeads,
                                                          .head_dim = kHeadDim,
                                                          .n_ff = 96,
                                                          .context_length = 512,
                                                          .type = GgmlType::kF32,
                                                          .embedding_type = GgmlType::kF32});
  const auto file = Gguf::parse(bytes, "random");
  write_tensors(*file, architecture == "llama");
  write_vocabulary(*file);
  write("config.json", config(kind).dump());
  const auto made = convert_model(folder_.string(), GgmlType::kF32);
  ASSERT_TRUE(made) << made.error().message;
  auto before = open_native_model(bytes, "before"), after = open_native_model(*made, "after");
  ASSERT_TRUE(after) << after.error().message;
  const std::vector<Token> tokens = some_tokens(20, 3);
  Sequence a((*before)->info().kv, 1), b((*after)->info().kv, 2);
  EXPECT_EQ(run_chunk(**after, b, tokens), run_chunk(**before, a, tokens));
  EXPECT_EQ((*after)->tokenizer().encode("It is <|endoftext|>", true),
            (*before)->tokenizer().encode("It is <|endoftext|>", true));
  EXPECT_TRUE((*after)->tokenizer().is_end(259));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Convert, testing::Values("llama", "mistral", "qwen2", "qwen3"));

TEST_F(Convert, WhatCannotBeConvertedIsNamed) {
  EXPECT_THAT(refusal(), HasSubstr("config.json: cannot be read"));
  write("config.json", "[1]");
  EXPECT_THAT(refusal(), HasSubstr("config.json: no JSON object"));
  write("config.json", config("mamba").dump());
  EXPECT_THAT(refusal(), HasSubstr("model_type is \"mamba\""));
  Json broken = config("llama");
  broken["num_attention_heads"] = -1;
  write("config.json", broken.dump());
  EXPECT_THAT(refusal(), HasSubstr("num_attention_heads is no number from 1"));
  write("config.json", config("llama").dump());
  EXPECT_THAT(refusal(), HasSubstr("model.safetensors: cannot open"));
  write("model.safetensors.index.json", R"({"weight_map":{"a":"../b"}})");
  EXPECT_THAT(refusal(), HasSubstr("names no file in the folder"));
}

TEST(ReadTokenizerJson, HostileFilesAreRefused) {
  const auto refusal = [](const std::string& text) {
    const auto vocab = read_tokenizer_json(text, "t", 10);
    return vocab ? "" : vocab.error().message;
  };
  const std::string head = R"({"pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"BPE",)";
  EXPECT_THAT(refusal("x"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("no byte-level BPE"));
  EXPECT_THAT(refusal(R"({"model":{"type":"BPE","byte_fallback":true}})"), HasSubstr("no byte-level BPE"));
  EXPECT_THAT(refusal(R"({"model":{"type":"BPE"}})"), HasSubstr("pre_tokenizer that is not known"));
  EXPECT_THAT(refusal(head + R"("vocab":[]}})"), HasSubstr("model.vocab is no object"));
  EXPECT_THAT(refusal(head + R"("vocab":{"a":10}}})"), HasSubstr("is not one of 10"));
  EXPECT_THAT(refusal(head + R"("vocab":{"a":1},"merges":[7]}})"), HasSubstr("model.merges[0]"));
  EXPECT_THAT(refusal(head + R"("vocab":{"a":1},"merges":[]},"added_tokens":[{}]})"),
              HasSubstr("no content"));
  EXPECT_EQ(refusal(head + R"("vocab":{"a":1},"merges":[["a","b"],"c d"]}})"), "");
}

TEST(ReadTokenizerJson, ThePreTokenizerIsToldByItsRule) {
  const auto pre = [](const std::string& rule) {
    const auto vocab = read_tokenizer_json(
        R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":)" + rule + "}", "t", 2);
    return vocab ? vocab->pre : vocab.error().message;
  };
  EXPECT_EQ(pre(R"({"type":"Split","pattern":{"Regex":"\\p{L}+|\\p{N}{1,3}| ?x"}})"), "llama-bpe");
  EXPECT_EQ(pre(R"({"type":"Split","pattern":{"Regex":"\\p{L}+|\\p{N}| ?x"}})"), "qwen2");
  EXPECT_EQ(pre(R"({"pretokenizers":[{"type":"Digits"},{"type":"ByteLevel"}]})"), "smollm");
  EXPECT_EQ(pre(R"({"type":"ByteLevel"})"), "gpt-2");
  EXPECT_THAT(pre(R"({"type":"Split","pattern":{"Regex":"x"}})"), HasSubstr("not known"));
}

}  // namespace
}  // namespace phios
