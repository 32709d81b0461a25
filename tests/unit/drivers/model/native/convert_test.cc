// Models taken out of GGUF files into Hugging Face's form and converted back: the same logits.
#include "drivers/model/native/convert.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "drivers/model/native/encoder.h"
#include "drivers/model/native/quant.h"
#include "tests/unit/drivers/model/native/hub_folder.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using namespace testing_support;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr uint32_t kHeadDim = 32, kHeads = 4, kKvHeads = 2;

RandomModelOptions shape_of(const std::string& architecture) {
  return {.architecture = architecture,
          .n_layers = 7,  // of gemma3's, one attends to everything
          .n_embd = 128,
          .n_heads = kHeads,
          .n_kv_heads = kKvHeads,
          .head_dim = kHeadDim,
          .n_ff = 96,
          .context_length = 512,
          .window = architecture.starts_with("gemma") || architecture == "phi3" ? 16u : 0u,
          .type = GgmlType::kF32,
          .embedding_type = GgmlType::kF32};
}

class Convert : public testing::TestWithParam<const char*> {
 protected:
  static std::string architecture(const std::string& kind) {
    return kind == "mistral" ? "llama" : kind == "gemma3_text" ? "gemma3" : kind;
  }

  static Json config(const std::string& kind) {
    Json c = {{"model_type", kind},
              {"num_hidden_layers", 7},
              {"hidden_size", 128},
              {"num_attention_heads", 4},
              {"num_key_value_heads", 2},
              {"head_dim", 32},
              {"vocab_size", 264},
              {"intermediate_size", 96},
              {"max_position_embeddings", 512},
              {"rms_norm_eps", 1e-5},
              {"rope_theta", 10000.0},
              {"bos_token_id", 259},
              {"eos_token_id", {259, 258}},
              {"hidden_act", kind.starts_with("gemma") ? "gelu_pytorch_tanh" : "silu"}};
    if (kind != "gemma" && (kind.starts_with("gemma") || kind == "phi3")) c["sliding_window"] = 16;
    if (kind == "gemma2") c["query_pre_attn_scalar"] = 32;
    return c;
  }

  void write(const Gguf& file, const std::string& kind, const Json& config) const {
    hub_.write_tensors(file, architecture(kind), kHeadDim);
    hub_.write_byte_level(file);
    hub_.write("config.json", config.dump());
  }

  // The file taken out and converted back says the same, to the bit.
  void expect_the_same(const std::vector<std::byte>& bytes, const NativeOptions& options = {}) const {
    const auto made = convert_model(hub_.path(), GgmlType::kF32);
    ASSERT_TRUE(made) << made.error().message;
    auto before = open_native_model(bytes, "before", options),
         after = open_native_model(*made, "after", options);
    ASSERT_TRUE(before) << before.error().message;
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ((*after)->info().context_length, (*before)->info().context_length);
    const std::vector<Token> tokens = some_tokens(40, 3);
    Sequence a((*before)->info().kv, 1), b((*after)->info().kv, 2);
    EXPECT_EQ(run_chunk(**after, b, tokens), run_chunk(**before, a, tokens));
    EXPECT_EQ((*after)->tokenizer().encode("It is <|endoftext|>", true),
              (*before)->tokenizer().encode("It is <|endoftext|>", true));
    EXPECT_TRUE((*after)->tokenizer().is_end(259));
  }

  std::string refusal() const {
    const auto out = convert_model(hub_.path(), GgmlType::kF32);
    return out ? "" : out.error().message;
  }
  std::string refusal(Json config, const char* key, const Json& value) const {
    config[key] = value;
    hub_.write("config.json", config.dump());
    return refusal();
  }

  HubFolder hub_;
};

TEST_P(Convert, GivesTheSameLogitsThereAndBack) {
  const std::string kind = GetParam();
  const std::vector<std::byte> bytes = make_random_model(shape_of(architecture(kind)));
  const auto file = Gguf::parse(bytes, "random");
  write(*file, kind, config(kind));
  expect_the_same(bytes);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Convert,
                         testing::Values("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2",
                                         "gemma3_text", "phi3"));

TEST_F(Convert, LongRopesFactorsBecomeTensors) {
  RandomModelOptions options = shape_of("phi3");
  options.rope_factors = true;
  options.rope_original_context = 128;
  const std::vector<std::byte> bytes = make_random_model(options);
  const auto file = Gguf::parse(bytes, "random");
  const auto list = [&](const char* name) {
    std::vector<float> values(kHeadDim / 2);
    const GgufTensor* t = file->find_tensor(name);
    dequantize(t->type, t->data, values);
    return Json(values);
  };
  Json c = config("phi3");
  c["original_max_position_embeddings"] = 128;
  c["rope_scaling"] = {{"type", "longrope"},
                       {"attention_factor", 1.0},
                       {"long_factor", list("rope_factors_long.weight")},
                       {"short_factor", list("rope_factors_short.weight")}};
  write(*file, "phi3", c);
  expect_the_same(bytes);
  c["rope_scaling"].erase("attention_factor");
  hub_.write("config.json", c.dump());
  const auto usual = convert_model(hub_.path(), GgmlType::kF32);
  ASSERT_TRUE(usual) << usual.error().message;
  const auto written = Gguf::parse(*usual, "usual");
  EXPECT_NEAR(*written->number("phi3.rope.scaling.attn_factor"),
              std::sqrt(1 + std::log(4.0) / std::log(128.0)), 1e-6);
  EXPECT_THAT(refusal(c, "rope_scaling", {{"type", "longrope"}, {"long_factor", {1, 2}}}),
              HasSubstr("long_factor is no list of 16 numbers"));
}

TEST_F(Convert, AnEncoderGivesTheSameEmbeddings) {
  const RandomModelOptions options{.architecture = "bert",
                                   .n_layers = 2,
                                   .n_embd = 64,
                                   .n_heads = 4,
                                   .n_ff = 96,
                                   .n_vocab = 100,
                                   .context_length = 24,
                                   .pooling = 2,
                                   .type = GgmlType::kF32,
                                   .embedding_type = GgmlType::kF32};
  const std::vector<std::byte> bytes = make_random_model(options);
  const auto file = Gguf::parse(bytes, "random");
  hub_.write_tensors(*file, "bert", 0);
  Json vocab = Json::object(), added = Json::array();
  const auto tokens = *file->strings("tokenizer.ggml.tokens");
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string text(tokens[i]);
    if (i < 5) added.push_back({{"id", i}, {"content", text}, {"special", true}});
    vocab[i < 5 ? text : text.starts_with("▁") ? text.substr(3) : "##" + text] = i;
  }
  const Json model = {
      {"type", "WordPiece"}, {"vocab", vocab}, {"unk_token", "[UNK]"}, {"continuing_subword_prefix", "##"}};
  const Json normalizer = {{"type", "BertNormalizer"}, {"lowercase", true}, {"strip_accents", nullptr}};
  hub_.write("tokenizer.json",
             Json{{"added_tokens", added}, {"normalizer", normalizer}, {"model", model}}.dump());
  hub_.write("1_Pooling/config.json", R"({"pooling_mode_cls_token":true})");
  const Json c = {{"model_type", "bert"},          {"num_hidden_layers", 2}, {"hidden_size", 64},
                  {"num_attention_heads", 4},      {"vocab_size", 100},      {"intermediate_size", 96},
                  {"max_position_embeddings", 24}, {"type_vocab_size", 2},   {"hidden_act", "gelu"}};
  hub_.write("config.json", c.dump());
  const auto made = convert_model(hub_.path(), GgmlType::kF32);
  ASSERT_TRUE(made) << made.error().message;
  const auto converted = Gguf::parse(*made, "converted");
  auto before = Encoder::load(*file), after = Encoder::load(*converted);
  ASSERT_TRUE(after) << after.error().message;
  for (const char* text : {"A dog, ran 42 miles!", "été"}) {
    EXPECT_EQ((*after)->tokens(text), (*before)->tokens(text));
    EXPECT_EQ((*after)->embed(text), (*before)->embed(text));
  }
  EXPECT_THAT(refusal(c, "hidden_act", "relu"), HasSubstr("hidden_act is \"relu\"; gelu is converted"));
  EXPECT_THAT(refusal(c, "position_embedding_type", "relative_key"), HasSubstr("absolute is converted"));
}

TEST_F(Convert, WhatCannotBeConvertedIsNamed) {
  EXPECT_THAT(refusal(), HasSubstr("config.json: cannot be read"));
  hub_.write("config.json", "[1]");
  EXPECT_THAT(refusal(), HasSubstr("config.json: no JSON object"));
  EXPECT_THAT(refusal(config("mamba"), "x", 0), HasSubstr("model_type is \"mamba\""));
  EXPECT_THAT(refusal(config("llama"), "num_attention_heads", -1),
              HasSubstr("num_attention_heads is no number from 1"));
  EXPECT_THAT(refusal(config("llama"), "x", 0), HasSubstr("model.safetensors: cannot open"));
  hub_.write("model.safetensors.index.json", R"({"weight_map":{"a":"../b"}})");
  EXPECT_THAT(refusal(), HasSubstr("names no file in the folder"));
}

TEST_F(Convert, WhatTheEngineWouldNotComputeIsRefused) {
  const auto file = make_random_model(shape_of("llama"));
  write(*Gguf::parse(file, "random"), "llama", config("llama"));
  const Json llama = config("llama"), gemma2 = config("gemma2"), gemma3 = config("gemma3_text");
  EXPECT_THAT(refusal(llama, "hidden_act", "relu"), HasSubstr("hidden_act is \"relu\"; silu is converted"));
  EXPECT_THAT(refusal(llama, "rope_scaling", {{"type", "longrope"}}), HasSubstr("\"longrope\" is not"));
  EXPECT_THAT(refusal(llama, "rope_parameters", {{"full_attention", Json::object()}}),
              HasSubstr("of each kind of layer"));
  EXPECT_THAT(refusal(llama, "partial_rotary_factor", 0.5), HasSubstr("partial_rotary_factor is 0.5"));
  EXPECT_THAT(refusal(gemma2, "query_pre_attn_scalar", 99), HasSubstr("is 99; 32 is converted"));
  EXPECT_THAT(refusal(gemma3, "attn_logit_softcapping", 50), HasSubstr("null is converted"));
  EXPECT_THAT(refusal(gemma3, "layer_types", {"sliding_attention", "full_attention", "full_attention"}),
              HasSubstr("layer_types[2] breaks the pattern"));
  EXPECT_THAT(refusal(llama, "x", 0), "");
}

}  // namespace
}  // namespace phios
