// What each method sets to zero, by hand, and that a model still opens after it.
#include "drivers/model/native/prune.h"

#include <gmock/gmock.h>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/quant.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using namespace testing_support;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kName = "blk.0.ffn_up.weight";

// A file of one matrix [2][4] of a layer, and one that is no layer's.
std::vector<std::byte> matrix_file(const std::vector<float>& values) {
  GgufWriter writer;
  writer.string("general.architecture", "llama");
  writer.tensor(kName, GgmlType::kF32, {4, 2}, std::as_bytes(std::span(values)));
  writer.tensor("output.weight", GgmlType::kF32, {4, 2}, std::as_bytes(std::span(values)));
  return writer.finish();
}

std::vector<float> floats_of(const std::vector<std::byte>& bytes, const char* name) {
  const auto file = Gguf::parse(bytes, "pruned");
  EXPECT_TRUE(file);
  const GgufTensor* t = file->find_tensor(name);
  std::vector<float> out(t->elements);
  dequantize(t->type, t->data, out);
  return out;
}

std::vector<float> pruned(PruneScope scope, double share, const Calibration* calibration = nullptr) {
  const std::vector<std::byte> bytes = matrix_file({1, -8, 3, 4, -5, 6, 0.5f, 9});
  const auto out = prune_weights(*Gguf::parse(bytes, "x"), scope, share, calibration);
  EXPECT_TRUE(out) << (out ? "" : out.error().message);
  EXPECT_THAT(floats_of(*out, "output.weight"), ElementsAre(1, -8, 3, 4, -5, 6, 0.5f, 9));
  return floats_of(*out, kName);
}

TEST(Prune, MagnitudeTakesTheSmallestOfTheMatrixOrOfEachRow) {
  EXPECT_THAT(pruned(PruneScope::kMatrix, 0.5), ElementsAre(0, -8, 0, 0, -5, 6, 0, 9));
  EXPECT_THAT(pruned(PruneScope::kRow, 0.5), ElementsAre(0, -8, 0, 4, 0, 6, 0, 9));
  EXPECT_THAT(pruned(PruneScope::kTwoOfFour, 0), ElementsAre(0, -8, 0, 4, 0, 6, 0, 9));
  EXPECT_THAT(pruned(PruneScope::kMatrix, 1), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(Prune, WandaWeighsByTheInputs) {
  Calibration calibration;
  calibration.input_norms[kName] = {100, 1, 1, 1};
  EXPECT_THAT(pruned(PruneScope::kRow, 0.5, &calibration), ElementsAre(1, -8, 0, 0, -5, 0, 0, 9));
  calibration.input_norms[kName] = {1, 1};
  const std::vector<std::byte> bytes = matrix_file({1, 2, 3, 4, 5, 6, 7, 8});
  const auto out = prune_weights(*Gguf::parse(bytes, "x"), PruneScope::kRow, 0.5, &calibration);
  EXPECT_THAT(out.error().message, HasSubstr("does not know its inputs"));
}

TEST(Prune, ACalibratedModelStillRunsAndPruningItHalfChangesItsAnswers) {
  const std::vector<std::byte> bytes =
      make_random_model({.n_layers = 3, .n_embd = 64, .n_heads = 2, .n_kv_heads = 2, .n_ff = 64});
  const auto file = Gguf::parse(bytes, "x");
  const std::vector<Token> tokens = some_tokens(12, 1);
  const auto calibration = calibrate(*file, tokens);
  ASSERT_TRUE(calibration) << calibration.error().message;
  ASSERT_EQ(calibration->influence.size(), 3u);
  for (const double i : calibration->influence) EXPECT_GT(i, 0);
  EXPECT_EQ(calibration->input_norms.at("blk.2.ffn_down.weight").size(), 64u);
  const auto half = prune_weights(*file, PruneScope::kRow, 0.5, &*calibration);
  const auto none = prune_weights(*file, PruneScope::kRow, 0, &*calibration);
  ASSERT_TRUE(half && none);
  EXPECT_EQ(std::ranges::count(floats_of(*half, "blk.1.attn_q.weight"), 0.0f), 64 * 64 / 2);
  const auto logits = [&](const std::vector<std::byte>& of) {
    auto model = open_native_model(of, "m");
    Sequence sequence((*model)->info().kv, 1);
    return run_chunk(**model, sequence, tokens);
  };
  EXPECT_EQ(logits(*none), logits(bytes));
  EXPECT_NE(logits(*half), logits(bytes));
}

TEST(Prune, LayersAreLeftOutAndTheRestMovesUp) {
  const std::vector<std::byte> bytes =
      make_random_model({.n_layers = 4, .n_embd = 64, .n_heads = 2, .n_kv_heads = 2, .n_ff = 64});
  const auto file = Gguf::parse(bytes, "x");
  const auto out = drop_layers(*file, std::vector<uint32_t>{1, 2});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(floats_of(*out, "blk.1.attn_q.weight"), floats_of(bytes, "blk.3.attn_q.weight"));
  auto model = open_native_model(*out, "m");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->info().n_layers, 2u);
  EXPECT_FALSE(drop_layers(*file, std::vector<uint32_t>{0, 1, 2, 3}));
  EXPECT_FALSE(drop_layers(*file, std::vector<uint32_t>{4}));
  Calibration calibration;
  calibration.influence = {0.5, 0.1, 0.4, 0.1};
  EXPECT_THAT(least_influential(calibration, 3), ElementsAre(1u, 2u, 3u));
  EXPECT_THAT(least_influential(calibration, 1), ElementsAre(1u));
}

TEST(Prune, TypesWithoutAZeroAreRefused) {
  const std::vector<std::byte> bytes = make_random_model({.n_layers = 1,
                                                          .n_embd = 256,
                                                          .n_heads = 4,
                                                          .n_kv_heads = 4,
                                                          .head_dim = 64,
                                                          .n_ff = 256,
                                                          .type = GgmlType::kQ4_K});
  const auto out = prune_weights(*Gguf::parse(bytes, "x"), PruneScope::kMatrix, 0.5, nullptr);
  EXPECT_THAT(out.error().message, HasSubstr("prune before quantizing"));
}

}  // namespace
}  // namespace phios
