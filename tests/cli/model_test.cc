// model, tokenize, generate, perplexity.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <cstring>

#include "tests/cli/cli.h"

namespace phios {
namespace {

using testing::HasSubstr;

class CliModel : public Cli {};

nlohmann::json info(const ChildResult& ran) {
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  return nlohmann::json::parse(ran.output, nullptr, false);
}

TEST_F(CliModel, MakesQuantizesAndTellsOfFiles) {
  for (const char* arch : {"llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3"}) {
    EXPECT_EQ(run({"model", "random", "r.gguf", "--arch", arch, "--shape",
                   "embd=64,layers=2,heads=4,kv_heads=2,ff=128,vocab=300,context=256"})
                  .exit_code,
              0);
    const nlohmann::json random = info(run({"--model", "r.gguf", "model", "info", "--json"}));
    EXPECT_EQ(random["architecture"], arch);
    EXPECT_EQ(random["layers"], 2);
    EXPECT_EQ(random["vocabulary"], 300);
    EXPECT_EQ(run({"model", "quantize", "r.gguf", "q.gguf", "Q8_0"}).exit_code, 0);
    const nlohmann::json quantized = info(run({"--model", "q.gguf", "model", "info", "--json"}));
    EXPECT_LT(quantized["file_bytes"], random["file_bytes"]);
    EXPECT_EQ(run({"--model", "q.gguf", "generate", "--prompt", "ab", "--n", "4", "--ignore-end"}).exit_code,
              0);
  }
  EXPECT_EQ(run({"model", "quantize", "r.gguf", "q.gguf", "Q7_3"}).exit_code, 2);
  const ChildResult narrow = run({"model", "quantize", "r.gguf", "q.gguf", "Q4_K"});
  EXPECT_EQ(narrow.exit_code, 2);
  EXPECT_THAT(narrow.errors, HasSubstr("blocks of 256"));
  EXPECT_EQ(run({"model", "random", "r.gguf", "--shape", "embd=64,heads=0"}).exit_code, 2);
}

// The engine quantises activations to multiply integers; in float32 the same weights say the same.
TEST_F(CliModel, EveryTypeForetellsAsItsWeightsDoInFloat32) {
  std::string text;
  for (int i = 0; i < 120; i++) text += "What is " + std::to_string(i) + " plus 3? ";
  write("t.txt", text);
  const auto stray = [&] {
    return info(run({"--model", "q.gguf", "perplexity", "t.txt", "--against", "f32.gguf", "--json"}));
  };
  for (const char* type : {"q4_0", "q8_0", "q4_k", "q5_0", "q5_k", "q6_k", "f16", "bf16"}) {
    ASSERT_EQ(run({"model", "random", "q.gguf", "--type", type, "--shape",
                   "embd=256,layers=2,heads=4,kv_heads=2,ff=256,vocab=300,context=512"})
                  .exit_code,
              0);
    ASSERT_EQ(run({"model", "quantize", "q.gguf", "f32.gguf", "F32"}).exit_code, 0);
    EXPECT_LT(stray()["kl"], 0.01) << type;
  }
  ASSERT_EQ(run({"model", "random", "q.gguf", "--weights-seed", "2", "--shape",
                 "embd=256,layers=2,heads=4,kv_heads=2,ff=256,vocab=300,context=512"})
                .exit_code,
            0);
  EXPECT_GT(stray()["kl"], 0.01) << "other weights";
}

TEST_F(CliModel, EmbedsTexts) {
  EXPECT_EQ(run({"model", "random", "b.gguf", "--arch", "bert", "--shape",
                 "embd=64,layers=1,heads=4,ff=64,vocab=300,context=64"})
                .exit_code,
            0);
  EXPECT_EQ(info(run({"--model", "b.gguf", "model", "info", "--json"}))["pooling"], "mean");
  const nlohmann::json vectors = info(run({"--model", "b.gguf", "embed", "--json", "a dog", "a cat"}));
  ASSERT_EQ(vectors.size(), 2u);
  EXPECT_EQ(vectors[0].size(), 64u);
  const nlohmann::json cosines = info(
      run({"--model", "b.gguf", "embed", "--json", "--cosines", "--file", "-"}, "a dog\n\nA DOG\na cat\n"));
  ASSERT_EQ(cosines.size(), 3u);
  EXPECT_NEAR(cosines[1].get<double>(), 1, 1e-5);
  EXPECT_LT(cosines[2].get<double>(), 0.99999);
  EXPECT_EQ(run({"--model", "b.gguf", "embed"}).exit_code, 2);
  const ChildResult decoder = run({"--model", "b.gguf", "generate", "--prompt", "a"});
  EXPECT_NE(decoder.exit_code, 0);
  EXPECT_THAT(decoder.errors, HasSubstr("\"bert\""));
}

TEST_F(CliModel, Prunes) {
  EXPECT_EQ(
      run({"model", "random", "r.gguf", "--shape", "embd=64,layers=3,heads=4,kv_heads=2,ff=128"}).exit_code,
      0);
  write("t.txt", "What is 2 plus 3?");
  for (const char* method : {"magnitude", "wanda", "2:4"}) {
    const ChildResult pruned =
        run({"model", "prune", "r.gguf", "p.gguf", "--method", method, "--text", "t.txt"});
    EXPECT_EQ(pruned.exit_code, 0) << pruned.errors;
    EXPECT_EQ(info(run({"--model", "p.gguf", "model", "info", "--json"}))["layers"], 3);
  }
  EXPECT_EQ(run({"model", "prune", "r.gguf", "p.gguf", "--method", "layers", "--layers", "1"}).exit_code, 0);
  EXPECT_EQ(info(run({"--model", "p.gguf", "model", "info", "--json"}))["layers"], 2);
  EXPECT_EQ(
      run({"model", "prune", "r.gguf", "p.gguf", "--method", "layers", "--drop", "2", "--text", "t.txt"})
          .exit_code,
      0);
  EXPECT_EQ(info(run({"--model", "p.gguf", "model", "info", "--json"}))["layers"], 1);
  EXPECT_EQ(run({"model", "prune", "r.gguf", "p.gguf", "--method", "wanda"}).exit_code, 2);
  EXPECT_EQ(run({"model", "prune", "r.gguf", "p.gguf", "--method", "layers"}).exit_code, 2);
  EXPECT_NE(run({"model", "convert", ".", "c.gguf"}).exit_code, 0);
}

TEST_F(CliModel, Calibrates) {
  EXPECT_EQ(run({"model", "random", "r.gguf", "--shape", "embd=64,layers=2,heads=4,kv_heads=2,ff=128",
                 "--outliers", "8"})
                .exit_code,
            0);
  std::string text;
  while (text.size() < 600) text += "What is 2 plus 3? ";
  write("t.txt", text);
  const ChildResult calibrated = run({"model", "calibrate", "r.gguf", "c.gguf", "--text", "t.txt"});
  ASSERT_EQ(calibrated.exit_code, 0) << calibrated.errors;
  EXPECT_EQ(run({"model", "quantize", "c.gguf", "q.gguf", "Q8_0"}).exit_code, 0);
  for (const char* file : {"c.gguf", "q.gguf"}) {
    EXPECT_EQ(info(run({"--model", file, "model", "info", "--json"}))["layers"], 2);
    const ChildResult judged = run({"--model", file, "--kv", "int2@16", "perplexity", "t.txt", "--json"});
    EXPECT_EQ(judged.exit_code, 0) << judged.errors;
  }
}

TEST_F(CliModel, CalibratesByNothingThatIsTooShortOrNoDecoder) {
  EXPECT_EQ(run({"model", "random", "r.gguf", "--shape", "embd=64,layers=1,heads=4,ff=128"}).exit_code, 0);
  EXPECT_EQ(run({"model", "random", "b.gguf", "--arch", "bert", "--shape", "embd=64,layers=1,heads=4,ff=128"})
                .exit_code,
            0);
  write("long.txt", std::string(600, 'a'));
  write("short.txt", "What is 2 plus 3?");
  write("empty.txt", "");
  const auto refused = [&](const char* model, const char* text) {
    const ChildResult result = run({"model", "calibrate", model, "c.gguf", "--text", text});
    EXPECT_NE(result.exit_code, 0) << model << " " << text;
    return result.errors;
  };
  EXPECT_THAT(refused("r.gguf", "short.txt"), HasSubstr("a text of 17 tokens"));
  EXPECT_THAT(refused("r.gguf", "empty.txt"), HasSubstr("a text of 0 tokens"));
  EXPECT_THAT(refused("r.gguf", "none.txt"), HasSubstr("none.txt"));
  EXPECT_THAT(refused("long.txt", "long.txt"), HasSubstr("long.txt"));
  EXPECT_THAT(refused("b.gguf", "long.txt"), HasSubstr("bert"));
  EXPECT_NE(run({"model", "calibrate", "r.gguf", "c.gguf"}).exit_code, 0);
}

TEST_F(CliModel, TokenizesBytes) {
  EXPECT_EQ(run({"tokenize", "--json", "ab"}).exit_code, 0);
  write("t.txt", "ab");
  EXPECT_EQ(run({"tokenize", "ab"}).output, run({"tokenize", "--file", "t.txt"}).output);
  EXPECT_EQ(run({"tokenize", "--file", "-"}, "ab").output, run({"tokenize", "ab"}).output);
}

// A row of the vocabulary's size for each token, and the same row's largest is the token that greedy takes.
TEST_F(CliModel, GeneratesTheSameTwiceAndWritesLogits) {
  const std::vector<std::string> greedy = {"generate", "--prompt", "What is 2 plus 3?", "--n",      "6",
                                           "--temp",   "0",        "--ignore-end",      "--logits", "l.bin"};
  const ChildResult first = run(greedy);
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  const std::string bytes = read("l.bin");
  const nlohmann::json model = info(run({"model", "info", "--json"}));
  EXPECT_EQ(bytes.size(), 6 * sizeof(float) * model["vocabulary"].get<size_t>());
  EXPECT_EQ(run(greedy).output, first.output);
  EXPECT_EQ(read("l.bin"), bytes);
  float sum = 0;
  for (size_t i = 0; i < bytes.size(); i += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    ASSERT_TRUE(std::isfinite(value));
    sum += std::abs(value);
  }
  EXPECT_GT(sum, 0);
}

TEST_F(CliModel, PerplexityOfTheVocabularyForWeightsThatKnowNothing) {
  std::string text;
  for (int i = 0; i < 200; i++) text += "What is " + std::to_string(i) + " plus 3? ";
  write("t.txt", text);
  const nlohmann::json nano = info(run({"perplexity", "t.txt", "--json"}));
  const nlohmann::json shuffled = info(run({"--model", "shuffled", "perplexity", "t.txt", "--json"}));
  EXPECT_GT(nano["perplexity"], 1.0);
  EXPECT_LT(nano["perplexity"], 0.1 * shuffled["perplexity"].get<double>());
}

}  // namespace
}  // namespace phios
