// The engine against the scalar reference, and a row's result against what else is in the batch.
#include <gtest/gtest.h>

#include <cmath>

#include "drivers/model/native/kernels.h"
#include "drivers/model/native/reference.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using namespace testing_support;

constexpr double kTolerance = 1e-3;

// A small shape that has everything uneven: grouped heads, outputs that fill no panel, several pages.
RandomModelOptions small(std::string architecture, GgmlType type) {
  RandomModelOptions o{.architecture = std::move(architecture),
                       .n_layers = 2,
                       .n_embd = 256,
                       .n_heads = 4,
                       .n_kv_heads = 2,
                       .head_dim = 48,
                       .n_ff = 256,
                       .n_vocab = 267,
                       .type = type,
                       .embedding_type = type};
  // q_size is n_in of the output projection: a multiple of the K types' blocks.
  if (type == GgmlType::kQ4_K || type == GgmlType::kQ5_K || type == GgmlType::kQ6_K) o.head_dim = 64;
  if (o.architecture == "gemma2" || o.architecture == "gemma3" || o.architecture == "phi3") o.window = 21;
  if (o.architecture == "gemma3") o.n_layers = 6;  // the last one sees all
  return o;
}

// phi-nano's proportions, but quick under sanitizers; large enough for the workers to share a batch.
RandomModelOptions tiny() {
  return {.n_layers = 2, .n_embd = 128, .n_heads = 4, .n_kv_heads = 4, .n_ff = 160};
}

std::vector<std::vector<float>> reference_logits(const std::vector<std::byte>& bytes,
                                                 std::span<const Token> tokens,
                                                 Inputs inputs = Inputs::kFloats, uint32_t longest = 0) {
  auto file = Gguf::parse(bytes, "reference");
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  auto reference = Reference::load(*file, inputs, longest);
  EXPECT_TRUE(reference);
  std::vector<std::vector<float>> out;
  for (const Token t : tokens) out.push_back(reference->next(t));
  return out;
}

class EveryType : public testing::TestWithParam<std::tuple<const char*, GgmlType>> {};

// The largest difference, relative to the root mean square.
double worst_over_rms(std::span<const float> a, std::span<const float> b) {
  double worst = 0, squares = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    worst = std::max(worst, std::abs(double{a[i]} - double{b[i]}));
    squares += double{b[i]} * double{b[i]};
  }
  return worst / std::sqrt(squares / static_cast<double>(b.size()));
}

// Kullback-Leibler divergence of b's distribution from a's, both given as logits.
double divergence(std::span<const float> a, std::span<const float> b) {
  const auto log_sum = [](std::span<const float> x) {
    double sum = 0;
    for (const float v : x) sum += std::exp(double{v});
    return std::log(sum);
  };
  const double za = log_sum(a), zb = log_sum(b);
  double out = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double la = double{a[i]} - za, lb = double{b[i]} - zb;
    out += std::exp(la) * (la - lb);
  }
  return out;
}

class EveryPlainType : public EveryType {};
class EveryBlockType : public EveryType {};

TEST_P(EveryPlainType, AgreesWithTheReference) {
  const auto [architecture, type] = GetParam();
  const std::vector<std::byte> bytes = make_random_model(small(architecture, type));
  const std::vector<Token> tokens = some_tokens(37, 5);
  const auto expected = reference_logits(bytes, tokens);
  for (const Kernels* kernels : supported_kernels()) {
    auto model = open_native_model(bytes, "random", {.threads = 2, .instruction_set = kernels->name});
    ASSERT_TRUE(model) << model.error().message;
    Sequence sequence((*model)->info().kv, 1);
    const std::span all(tokens);
    EXPECT_LT(worst_over_rms(run_chunk(**model, sequence, all.first(20)), expected[19]), kTolerance)
        << kernels->name;
    for (size_t i = 20; i < tokens.size(); ++i)
      EXPECT_LT(worst_over_rms(run_chunk(**model, sequence, all.subspan(i, 1)), expected[i]), kTolerance)
          << kernels->name << " at " << i;
  }
}

// Activations become bytes. Where one of a few thousand lies within a float's rounding of the middle between
// two bytes, the engine and the reference may take different ones, and what follows differs by what a byte is
// worth. So short sequences agree closely or, some of them, no better than bytes can: about one in twenty for
// each layer, so of six layers fewer are asked to be close than of two.
TEST_P(EveryBlockType, AgreesWithTheReferenceUnlessAByteFallsTheOtherWay) {
  constexpr uint32_t kSequences = 16;
  const auto [architecture, type] = GetParam();
  const RandomModelOptions options = small(architecture, type);
  const uint32_t close_at_least = options.n_layers > 2 ? kSequences / 3 : kSequences * 2 / 3;
  const std::vector<std::byte> bytes = make_random_model(options);
  std::vector<std::vector<float>> expected;
  for (uint32_t i = 0; i < kSequences; ++i)
    expected.push_back(reference_logits(bytes, some_tokens(3, i), Inputs::kQuantized).back());
  for (const Kernels* kernels : supported_kernels()) {
    auto model = open_native_model(bytes, "random", {.threads = 2, .instruction_set = kernels->name});
    ASSERT_TRUE(model) << model.error().message;
    uint32_t close = 0;
    for (uint32_t i = 0; i < kSequences; ++i) {
      Sequence sequence((*model)->info().kv, 1);
      const double error = worst_over_rms(run_chunk(**model, sequence, some_tokens(3, i)), expected[i]);
      EXPECT_LT(error, 0.1) << kernels->name;
      close += error < kTolerance;
    }
    EXPECT_GE(close, close_at_least) << kernels->name;
  }
}

TEST_P(EveryBlockType, DivergesLittleFromTheModelInFloats) {
  const auto [architecture, type] = GetParam();
  const std::vector<std::byte> bytes = make_random_model(small(architecture, type));
  const std::vector<Token> tokens = some_tokens(37, 5);
  const auto expected = reference_logits(bytes, tokens);
  for (const Kernels* kernels : supported_kernels()) {
    auto model = open_native_model(bytes, "random", {.threads = 2, .instruction_set = kernels->name});
    Sequence sequence((*model)->info().kv, 1);
    double sum = 0;
    for (size_t i = 0; i < tokens.size(); ++i)
      sum += divergence(expected[i], run_chunk(**model, sequence, std::span(tokens).subspan(i, 1)));
    EXPECT_LT(sum / static_cast<double>(tokens.size()), 0.01) << kernels->name;
  }
}

std::string case_name(const testing::TestParamInfo<EveryType::ParamType>& info) {
  return std::string(std::get<0>(info.param)) + "_" +
         std::string(ggml_type_info(static_cast<uint32_t>(std::get<1>(info.param)))->name);
}

INSTANTIATE_TEST_SUITE_P(Forward, EveryPlainType,
                         testing::Combine(testing::Values("llama", "qwen2", "qwen3", "gemma", "gemma2",
                                                          "gemma3", "phi3"),
                                          testing::Values(GgmlType::kF32, GgmlType::kF16, GgmlType::kBF16)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(ForwardOfOtherFamilies, EveryBlockType,
                         testing::Combine(testing::Values("qwen3", "gemma2", "gemma3", "phi3"),
                                          testing::Values(GgmlType::kQ8_0, GgmlType::kQ4_K)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Forward, EveryBlockType,
                         testing::Combine(testing::Values("llama", "qwen2"),
                                          testing::Values(GgmlType::kQ8_0, GgmlType::kQ4_0, GgmlType::kQ4_1,
                                                          GgmlType::kQ5_0, GgmlType::kQ5_1, GgmlType::kQ4_K,
                                                          GgmlType::kQ5_K, GgmlType::kQ6_K)),
                         case_name);

TEST(Forward, TiedEmbeddingsRopeScalingAndRopeFactorsAgreeWithTheReference) {
  for (const char* architecture : {"llama", "qwen2"}) {
    RandomModelOptions options = small(architecture, GgmlType::kF32);
    options.tied = true;
    options.rope_scale_factor = 4;
    options.rope_base = 500000;
    options.rope_factors = true;
    const std::vector<std::byte> bytes = make_random_model(options);
    const std::vector<Token> tokens = some_tokens(40, 9);
    const auto expected = reference_logits(bytes, tokens);
    auto model = open_native_model(bytes, "random");
    ASSERT_TRUE(model) << model.error().message;
    Sequence sequence((*model)->info().kv, 1);
    EXPECT_LT(relative_error(run_chunk(**model, sequence, tokens), expected.back()), kTolerance);
  }
}

TEST(Forward, YarnAndLongRopeAgreeWithTheReference) {
  for (const char* architecture : {"llama", "qwen3", "phi3", "gemma3"}) {
    RandomModelOptions options = small(architecture, GgmlType::kF32);
    options.rope_scaling = "yarn";
    options.rope_scale_factor = 4;
    options.rope_original_context = 32;
    options.rope_factors = options.architecture == "phi3";
    const std::vector<std::byte> bytes = make_random_model(options);
    const std::vector<Token> tokens = some_tokens(40, 9);
    const auto expected = reference_logits(bytes, tokens);
    auto model = open_native_model(bytes, "random");
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ((*model)->info().context_length, options.rope_factors ? 32u : 2048u);
    Sequence sequence((*model)->info().kv, 1);
    EXPECT_LT(relative_error(run_chunk(**model, sequence, tokens), expected.back()), kTolerance);
  }
}

TEST(Forward, LongFactorsAreChosenWhenTheModelIsOpened) {
  RandomModelOptions options = small("phi3", GgmlType::kF32);
  options.rope_scaling = "longrope";
  options.rope_scale_factor = 4;
  options.rope_original_context = 32;
  options.rope_factors = true;
  const std::vector<std::byte> bytes = make_random_model(options);
  const std::vector<Token> tokens = some_tokens(40, 9);
  std::vector<uint64_t> ids;
  for (const auto& [longest, context] : {std::pair(32u, 32u), {33u, 2048u}}) {
    const auto expected = reference_logits(bytes, tokens, Inputs::kFloats, longest);
    auto model = open_native_model(bytes, "random", {.context_length = longest});
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ((*model)->info().context_length, context);
    Sequence sequence((*model)->info().kv, 1);
    EXPECT_LT(relative_error(run_chunk(**model, sequence, tokens), expected.back()), kTolerance);
    EXPECT_GT(relative_error(expected.back(),
                             reference_logits(bytes, tokens, Inputs::kFloats, 65 - longest).back()),
              kTolerance);
    ids.push_back((*model)->info().id);
  }
  EXPECT_NE(ids[0], ids[1]);  // pages of one are no use to the other
}

// Every way to cut a sequence into chunks gives the same bits, at page boundaries and within pages.
class Chunks : public testing::TestWithParam<const char*> {};

TEST_P(Chunks, DoNotChangeABit) {
  RandomModelOptions options = tiny();
  options.architecture = GetParam();
  options.window = options.architecture == "gemma2" ? 21 : 0;
  auto model = open_random(options, {.threads = 2});
  const std::vector<Token> tokens = some_tokens(83, 3);
  const std::span all(tokens);
  std::vector<float> whole;
  for (const size_t chunk : {83u, 1u, 2u, 5u, 16u, 17u, 31u, 33u, 64u}) {
    Sequence sequence(model->info().kv, chunk);
    std::vector<float> logits;
    for (size_t at = 0; at < tokens.size(); at += chunk)
      logits = run_chunk(*model, sequence, all.subspan(at, std::min(chunk, tokens.size() - at)));
    if (whole.empty()) whole = logits;
    EXPECT_EQ(logits, whole) << "chunks of " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(Forward, Chunks, testing::Values("llama", "gemma2"));

class Batch : public testing::TestWithParam<GgmlType> {};

TEST_P(Batch, DoesNotChangeARow) {
  RandomModelOptions options = tiny();
  options.type = GetParam();
  for (const Kernels* kernels : supported_kernels())
    for (const unsigned threads : {1u, 3u}) {
      auto model = open_random(options, {.threads = threads, .instruction_set = kernels->name});
      constexpr size_t kSequences = 70;
      std::vector<std::vector<float>> alone;
      for (size_t i = 0; i < kSequences; ++i) {
        Sequence s(model->info().kv, i);
        run_chunk(*model, s, some_tokens(1 + i % 23, static_cast<uint32_t>(i)));
        alone.push_back(
            run_chunk(*model, s, some_tokens(i % 3 == 0 ? 6 : 1, static_cast<uint32_t>(i) + 500)));
      }
      std::vector<Sequence> sequences;
      std::vector<PassItem> first, second;
      for (size_t i = 0; i < kSequences; ++i) sequences.emplace_back(model->info().kv, i);
      for (size_t i = 0; i < kSequences; ++i) {
        first.push_back(sequences[i].append(some_tokens(1 + i % 23, static_cast<uint32_t>(i))));
        first.back().want_logits = false;
      }
      Collector unused, tail;
      for (size_t at = 0; at < kSequences; at += 14)
        ASSERT_TRUE(model->forward(std::span(first).subspan(at, 14), unused));
      EXPECT_TRUE(unused.rows.empty());
      for (size_t i = 0; i < kSequences; ++i)
        second.push_back(
            sequences[i].append(some_tokens(i % 3 == 0 ? 6 : 1, static_cast<uint32_t>(i) + 500)));
      ASSERT_TRUE(model->forward(second, tail));
      ASSERT_EQ(tail.rows.size(), kSequences);
      for (size_t i = 0; i < kSequences; ++i) {
        ASSERT_EQ(tail.rows[i].size(), 1u);
        EXPECT_EQ(tail.rows[i][0].logits, alone[i]) << kernels->name << ", " << threads << " threads, " << i;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Forward, Batch,
                         testing::Values(GgmlType::kF16, GgmlType::kF32, GgmlType::kQ8_0, GgmlType::kQ4_0),
                         [](const auto& param) {
                           return std::string(ggml_type_info(static_cast<uint32_t>(param.param))->name);
                         });

TEST(Forward, AllLogitsComeInOrderAndByOneThread) {
  const std::vector<std::byte> bytes = make_random_model(tiny());
  const std::vector<Token> tokens = some_tokens(150, 3);
  const auto expected = reference_logits(bytes, tokens);
  auto model = open_native_model(bytes, "random", {.threads = 2});
  ASSERT_TRUE(model);
  Sequence scored((*model)->info().kv, 1), plain((*model)->info().kv, 2), silent((*model)->info().kv, 3);
  std::vector<PassItem> items = {plain.append(tokens), scored.append(tokens),
                                 silent.append(some_tokens(3, 1))};
  items[1].want_all_logits = true;
  items[2].want_logits = false;
  Collector tail;
  ASSERT_TRUE((*model)->forward(items, tail));
  ASSERT_EQ(tail.rows.size(), 2u);
  ASSERT_EQ(tail.rows[1].size(), tokens.size());
  for (uint32_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(tail.rows[1][i].position, i);
    EXPECT_EQ(tail.rows[1][i].thread, tail.rows[1][0].thread);
    EXPECT_LT(relative_error(tail.rows[1][i].logits, expected[i]), kTolerance);
  }
  ASSERT_EQ(tail.rows[0].size(), 1u);
  EXPECT_EQ(tail.rows[0][0].position, tokens.size() - 1);
  EXPECT_EQ(tail.rows[0][0].logits, tail.rows[1].back().logits);
}

// Short items are shared out whole among the workers; each still gets what it asked for, under its own index.
TEST(Forward, AnItemOfManyShortOnesGetsWhatItAskedFor) {
  auto together = open_random(tiny(), {.threads = 3}), alone = open_random(tiny(), {.threads = 1});
  constexpr size_t kItems = 41;
  std::vector<Sequence> sequences;
  std::vector<PassItem> items;
  const auto ask = [](PassItem& item, size_t i) {
    item.want_logits = i % 4 != 0;
    item.want_all_logits = i % 4 == 2;
    item.want_hidden = i % 4 == 3;
  };
  for (size_t i = 0; i < kItems; ++i) sequences.emplace_back(together->info().kv, i);
  for (size_t i = 0; i < kItems; ++i) {
    items.push_back(sequences[i].append(some_tokens(1 + i % 16, static_cast<uint32_t>(i))));
    ask(items.back(), i);
  }
  Collector tail;
  ASSERT_TRUE(together->forward(items, tail));
  ASSERT_EQ(tail.rows.size(), kItems - 1);  // the last one, of index 40, asked for nothing
  for (size_t i = 0; i < kItems; ++i) {
    Sequence sequence(alone->info().kv, i);
    PassItem item = sequence.append(some_tokens(1 + i % 16, static_cast<uint32_t>(i)));
    ask(item, i);
    Collector expected;
    ASSERT_TRUE(alone->forward({&item, 1}, expected));
    expected.rows.resize(1);
    const size_t rows = i < tail.rows.size() ? tail.rows[i].size() : 0;
    ASSERT_EQ(rows, expected.rows[0].size()) << i;
    for (size_t r = 0; r < rows; ++r) {
      EXPECT_EQ(tail.rows[i][r].position, expected.rows[0][r].position) << i;
      EXPECT_EQ(tail.rows[i][r].logits, expected.rows[0][r].logits) << i;
    }
  }
}

TEST(Forward, HiddenIsTheMeanOfTheFinalStates) {
  const std::vector<std::byte> bytes = make_random_model(tiny());
  const std::vector<Token> tokens = some_tokens(19, 8);
  auto file = Gguf::parse(bytes, "reference");
  auto reference = Reference::load(*file);
  std::vector<float> mean(128);
  std::vector<float> last;
  for (const Token t : tokens) {
    last = reference->next(t);
    for (size_t d = 0; d < mean.size(); ++d) mean[d] += reference->hidden()[d] / 19.0f;
  }
  auto model = open_native_model(bytes, "random");
  Sequence a((*model)->info().kv, 1), b((*model)->info().kv, 2), c((*model)->info().kv, 3);
  std::vector<PassItem> items = {a.append(tokens), b.append(tokens), c.append(tokens)};
  items[1].want_hidden = true;
  Collector tail;
  ASSERT_TRUE((*model)->forward(items, tail));
  EXPECT_LT(relative_error(tail.rows[1].at(0).logits, mean), kTolerance);
  EXPECT_LT(relative_error(tail.rows[0].at(0).logits, last), kTolerance);
  EXPECT_LT(relative_error(tail.rows[2].at(0).logits, last), kTolerance);
}

TEST(Forward, AHoleInTheContextIsNotRead) {
  auto model = open_random({.n_layers = 2});
  const std::vector<Token> tokens = some_tokens(70, 4);
  Sequence sequence(model->info().kv, 1);
  run_chunk(*model, sequence, tokens);
  Sequence whole(model->info().kv, 2);
  run_chunk(*model, whole, tokens);
  sequence.drop_page(16);
  const std::vector<Token> next = {65};
  const std::vector<float> holed = run_chunk(*model, sequence, next);
  const std::vector<float> full = run_chunk(*model, whole, next);
  EXPECT_GT(relative_error(holed, full), 1e-4);
  EXPECT_LT(relative_error(holed, full), 10);
}

TEST(Forward, PositionsBeyondTheKeptAnglesAgree) {
  RandomModelOptions options{.n_layers = 1, .n_embd = 64, .n_heads = 2, .n_kv_heads = 1, .n_ff = 64};
  options.context_length = 64;  // angles beyond it are computed as they come
  const std::vector<std::byte> bytes = make_random_model(options);
  const std::vector<Token> tokens = some_tokens(100, 4);
  const auto expected = reference_logits(bytes, tokens);
  auto model = open_native_model(bytes, "random");
  Sequence sequence((*model)->info().kv, 1);
  EXPECT_LT(relative_error(run_chunk(**model, sequence, tokens), expected.back()), kTolerance);
}

TEST(Forward, BadItemsAreRefused) {
  auto model = open_random({.n_layers = 1}, {.threads = 1, .max_pass_positions = 32});
  Collector tail;
  const auto refused = [&](const PassItem& item, ErrorCode code) {
    const Status status = model->forward({&item, 1}, tail);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, code) << status.error().message;
  };
  Sequence sequence(model->info().kv, 9);
  const PassItem good = sequence.append(some_tokens(20, 1));
  const std::vector<Token> wrong = {1, 264}, negative = {-1}, many(33, 1);
  PassItem bad = good;
  bad.tokens = {};
  refused(bad, ErrorCode::EINVAL_);
  bad = good;
  bad.tokens = wrong;
  refused(bad, ErrorCode::EINVAL_);
  bad.tokens = negative;
  refused(bad, ErrorCode::EINVAL_);
  bad = good;
  bad.kv = good.kv.first(1);  // the page that holds positions 16 to 19 is missing
  refused(bad, ErrorCode::EINVAL_);
  bad = good;
  bad.kv = {};
  refused(bad, ErrorCode::EINVAL_);
  std::vector<KvSpan> cold(good.kv.begin(), good.kv.end());
  cold.back().tier = KvTier::kInt8;
  bad = good;
  bad.kv = cold;
  refused(bad, ErrorCode::EINVAL_);
  bad = good;
  bad.first_pos = 30;
  refused(bad, ErrorCode::EINVAL_);
  Sequence long_one(model->info().kv, 9);
  refused(long_one.append(many), ErrorCode::ETOOBIG_);
  EXPECT_TRUE(model->forward({&good, 1}, tail));
  EXPECT_TRUE(model->forward({}, tail));
}

}  // namespace
}  // namespace phios
