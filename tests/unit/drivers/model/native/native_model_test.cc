// The driver as the kernel sees it: what it tells about a file, what it refuses, and what the training code
// says the embedded model's logits are.
#include "drivers/model/native/native_model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "drivers/model/native/gguf_writer.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using namespace testing_support;

std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(NativeModel, TellsWhatTheFileHolds) {
  auto model = open_random({.name = "a name"});
  const ModelInfo& info = model->info();
  EXPECT_EQ(info.name, "a name");
  EXPECT_EQ(info.architecture, "llama");
  EXPECT_EQ(info.chat_template, "");
  EXPECT_EQ(info.n_vocab, 264u);
  EXPECT_EQ(info.context_length, 2048u);
  EXPECT_EQ(info.kv, (KvShape{5, 6, 32}));
  EXPECT_GT(info.parameters, 2'000'000u);
  EXPECT_EQ(model->max_pass_positions(), 512u);
  EXPECT_EQ(model->tokenizer().size(), 264u);
  EXPECT_EQ(model->tokenizer().marker("<|phi_sys|>"), 256);
  EXPECT_EQ(model->tokenizer().end(), 259);
  const std::vector<Token> abc = {'a', 'b', 'c'};
  EXPECT_EQ(model->tokenizer().encode("abc", false), abc);
}

TEST(NativeModel, TheIdFollowsTheWeights) {
  auto a = open_random({.seed = 1}), same = open_random({.seed = 1}), b = open_random({.seed = 2});
  EXPECT_EQ(a->info().id, same->info().id);
  EXPECT_NE(a->info().id, b->info().id);
}

TEST(NativeModel, ShuffledWeightsAreTheSameNumbersElsewhere) {
  const std::vector<std::byte> bytes = make_random_model({.n_layers = 1});
  const auto file = Gguf::parse(bytes, "random");
  ASSERT_TRUE(file);
  auto shuffled = shuffle_weights(*file, 1);
  ASSERT_EQ(shuffled.size(), bytes.size());
  const auto other = Gguf::parse(shuffled, "shuffled");
  ASSERT_TRUE(other);
  for (const GgufTensor& t : file->tensors()) {
    const GgufTensor* o = other->find_tensor(t.name);
    ASSERT_TRUE(o);
    const bool equal = std::ranges::equal(t.data, o->data);
    EXPECT_EQ(equal, t.n_dims == 1) << t.name;
    std::map<uint16_t, int> counts;
    if (t.type != GgmlType::kF16) continue;
    for (size_t i = 0; i < t.data.size(); i += 2) {
      uint16_t x = 0, y = 0;
      std::memcpy(&x, t.data.data() + i, 2);
      std::memcpy(&y, o->data.data() + i, 2);
      ++counts[x], --counts[y];
    }
    for (const auto& [value, n] : counts) EXPECT_EQ(n, 0);
  }
  auto a = open_native_model(bytes, "random"), b = open_native_model(std::move(shuffled), "shuffled");
  ASSERT_TRUE(a && b);
  EXPECT_NE((*a)->info().id, (*b)->info().id);
}

void expect_refused(const RandomModelOptions& options, ErrorCode code, std::string_view part) {
  const auto model = open_native_model(make_random_model(options), "bad.gguf");
  ASSERT_FALSE(model) << part;
  EXPECT_EQ(model.error().code, code) << model.error().message;
  EXPECT_NE(model.error().message.find(part), std::string::npos) << model.error().message;
}

TEST(NativeModel, WhatItHasNotIsNamed) {
  expect_refused({.architecture = "mamba", .n_layers = 1}, ErrorCode::ENOSYS_, "mamba");
  expect_refused({.n_layers = 1, .head_dim = 20}, ErrorCode::EPARSE_, "heads of 20 elements");
  expect_refused({.n_layers = 1, .n_heads = 6, .n_kv_heads = 4}, ErrorCode::EPARSE_, "no multiple of the 4");
  expect_refused({.n_layers = 0}, ErrorCode::EPARSE_, "llama.block_count is 0");
  const auto set = open_native_model(make_random_model({.n_layers = 1}), "r", {.instruction_set = "mmx"});
  EXPECT_EQ(set.error().code, ErrorCode::ENOENT_);
  EXPECT_EQ(open_native_model("/nonexistent.gguf").error().code, ErrorCode::EIO_);
}

// Renames a tensor or lies about a number, in the bytes, keeping their length.
std::vector<std::byte> patched(std::string_view from, std::string_view to) {
  std::vector<std::byte> bytes = make_random_model({.n_layers = 1});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string_view::npos);
  std::memcpy(bytes.data() + at, to.data(), to.size());
  return bytes;
}

TEST(NativeModel, AMissingOrMisshapenTensorIsNamed) {
  const auto missing = open_native_model(patched("blk.0.ffn_up.weight", "blk.0.ffn_no.weight"), "bad.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "bad.gguf: the tensor blk.0.ffn_up.weight is missing");
  // feed_forward_length 512 → 511
  std::vector<std::byte> bytes = make_random_model({.n_layers = 1});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view key = "llama.feed_forward_length";
  const uint32_t lie = 511;
  std::memcpy(bytes.data() + text.find(key) + key.size() + 4, &lie, sizeof lie);
  const auto misshapen = open_native_model(std::move(bytes), "bad.gguf");
  ASSERT_FALSE(misshapen);
  EXPECT_NE(misshapen.error().message.find("blk.0.ffn_gate.weight has the shape 192 × 512"),
            std::string::npos)
      << misshapen.error().message;
}

TEST(NativeModel, TheEmbeddedModelAgreesWithItsTrainingCode) {
  const std::string models = std::string(PHIOS_SOURCE_DIR) + "/userland/models/";
  const std::vector<std::byte> bytes = read_file(models + "phi-nano.gguf");
  const std::vector<std::byte> golden_bytes = read_file(models + "train/golden.json");
  if (bytes.empty() || golden_bytes.empty())
    GTEST_SKIP() << "no " << models << "phi-nano.gguf or train/golden.json";
  auto model = open_native_model(std::span(bytes), "phi-nano.gguf");
  ASSERT_TRUE(model) << model.error().message;
  const auto golden =
      nlohmann::json::parse(reinterpret_cast<const char*>(golden_bytes.data()),
                            reinterpret_cast<const char*>(golden_bytes.data()) + golden_bytes.size());
  ASSERT_GT(golden["cases"].size(), 0u);
  for (const auto& c : golden["cases"]) {
    const auto ids = c["ids"].get<std::vector<Token>>();
    Sequence sequence((*model)->info().kv, 1);
    EXPECT_LT(relative_error(run_chunk(**model, sequence, ids), c["logits"].get<std::vector<float>>()), 1e-3)
        << c["name"];
  }
}

}  // namespace
}  // namespace phios
