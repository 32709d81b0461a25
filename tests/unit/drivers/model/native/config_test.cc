// What each family's metadata comes to, and the keys that are refused.
#include "drivers/model/native/config.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/random_model.h"

namespace phios {
namespace {

using ::testing::HasSubstr;

// The metadata of a random model, with further keys; those in `without` left out.
Result<ModelConfig> config_of(
    const RandomModelOptions& options, const std::function<void(GgufWriter&)>& more = [](GgufWriter&) {},
    std::span<const std::string> without = {}) {
  const std::vector<std::byte> bytes = make_random_model(options);
  const auto file = Gguf::parse(bytes, "random");
  GgufWriter writer;
  writer.copy_metadata(*file, without);
  more(writer);
  const GgufTensor* t = file->find_tensor("token_embd.weight");
  writer.tensor(t->name, t->type, {t->shape[0], t->shape[1]}, t->data);
  const std::vector<std::byte> changed = writer.finish();
  return read_config(*Gguf::parse(changed, "x"));
}

RandomModelOptions small(const char* architecture) {
  return {
      .architecture = architecture, .n_layers = 1, .n_embd = 64, .n_heads = 2, .n_kv_heads = 1, .n_ff = 32};
}

TEST(ModelConfig, FamiliesAreWhatTheyAre) {
  const auto llama = config_of(small("llama")), qwen3 = config_of(small("qwen3"));
  EXPECT_FALSE(llama->rope_neox || llama->qk_norm || llama->post_norms || llama->local(0));
  EXPECT_TRUE(qwen3->rope_neox && qwen3->qk_norm);
  const auto gemma2 = config_of(small("gemma2"));
  EXPECT_EQ(gemma2->activation, Activation::kGelu);
  EXPECT_EQ(gemma2->embedding_scale, 8.0f);
  EXPECT_EQ(gemma2->attention_cap, 50.0f);
  EXPECT_EQ(gemma2->logit_cap, 30.0f);
  EXPECT_TRUE(gemma2->local(0) && !gemma2->local(1) && gemma2->local(2));
  const auto gemma3 = config_of(small("gemma3"));
  EXPECT_EQ(gemma3->attention_cap, 0.0f);
  EXPECT_TRUE(gemma3->local(4) && !gemma3->local(5) && gemma3->local(6));
}

TEST(ModelConfig, Gemma3sLocalLayersTurnByABaseOfTheirOwn) {
  RandomModelOptions options = small("gemma3");
  options.rope_base = 1e6f;
  options.rope_scale_factor = 8;
  const auto c = config_of(options);
  EXPECT_EQ(c->rope.base, 1e6);
  EXPECT_EQ(c->rope.scale, 1 / 8.0);
  EXPECT_EQ(c->local_rope, RopeConfig{});
}

TEST(ModelConfig, TheLargestGemmasScaleByTheEmbedding) {
  RandomModelOptions options = small("gemma2");
  options.n_layers = 46;
  EXPECT_FLOAT_EQ(config_of(options)->attention_scale, 1 / std::sqrt(32.0f));
  options.n_layers = 45;
  EXPECT_EQ(config_of(options)->attention_scale, 0.0f);
}

TEST(ModelConfig, AWindowOfZeroIsNone) {
  const auto window = [](uint32_t n) {
    return config_of(small("phi3"), [n](GgufWriter& w) { w.uint32("phi3.attention.sliding_window", n); });
  };
  EXPECT_FALSE(window(0)->local(0));
  EXPECT_TRUE(window(7)->local(0));
  EXPECT_EQ(window(7)->window, 7u);
}

TEST(ModelConfig, RopeScalingIsReadAsOtherEnginesWriteIt) {
  const auto scaled = [](const char* kind, const std::function<void(GgufWriter&)>& more) {
    return config_of(small("llama"), [&](GgufWriter& w) {
      if (kind) w.string("llama.rope.scaling.type", kind);
      w.float32("llama.rope.scaling.factor", 4);
      more(w);
    });
  };
  const auto nothing = [](GgufWriter&) {};
  EXPECT_EQ(scaled(nullptr, nothing)->rope.scale, 0.25);
  EXPECT_EQ(scaled("linear", nothing)->rope.scale, 0.25);
  EXPECT_EQ(scaled("none", nothing)->rope.scale, 1);
  const auto yarn = scaled("yarn", [](GgufWriter& w) {
    w.uint32("llama.rope.scaling.original_context_length", 512);
    w.float32("llama.rope.scaling.attn_factor", 2);
    w.float32("llama.rope.scaling.yarn_beta_fast", 16);
  });
  EXPECT_EQ(
      yarn->rope,
      (RopeConfig{.scale = 0.25, .magnitude = 2, .yarn = true, .beta_fast = 16, .original_context = 512}));
  EXPECT_THAT(scaled("su", nothing).error().message, HasSubstr("rope.scaling.type"));
  const auto bad = scaled("yarn", [](GgufWriter& w) { w.float32("llama.rope.scaling.attn_factor", -1); });
  EXPECT_THAT(bad.error().message, HasSubstr("attn_factor is -1"));
}

TEST(ModelConfig, AYarnBaseOfOneIsRefused) {
  const std::string without[] = {"llama.rope.freq_base"};
  const auto c = config_of(
      small("llama"),
      [](GgufWriter& w) {
        w.float32("llama.rope.freq_base", 1);
        w.string("llama.rope.scaling.type", "yarn");
      },
      without);
  EXPECT_THAT(c.error().message, HasSubstr("rope.freq_base must be above 1"));
}

TEST(ModelConfig, FactorsHaveOneForEachPairAndAreAboveZero) {
  const auto factors = [](const std::vector<float>& values) {
    GgufWriter writer;
    writer.tensor("rope_freqs.weight", GgmlType::kF32, {values.size()}, std::as_bytes(std::span(values)));
    const std::vector<std::byte> bytes = writer.finish();
    ModelConfig config;
    config.n_rot = 4;
    return read_rope_factors(*Gguf::parse(bytes, "x"), config);
  };
  EXPECT_THAT(*factors({1, 2}), testing::ElementsAre(1, 2));
  EXPECT_THAT(factors({1}).error().message, HasSubstr("has 1 elements; 2 were expected"));
  EXPECT_THAT(factors({1, 0}).error().message, HasSubstr("not above 0"));
  EXPECT_THAT(factors({1, NAN}).error().message, HasSubstr("not above 0"));
}

}  // namespace
}  // namespace phios
