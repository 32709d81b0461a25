// Calibrated rotations: what they keep, what they gain where channels stand out, and how a file carries them.
#include "drivers/model/native/calibrate.h"

#include <cblas.h>
#include <gmock/gmock.h>

#include <random>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/observed_text.h"
#include "drivers/model/native/prune.h"
#include "drivers/model/native/requantize.h"
#include "drivers/model/native/rotations.h"
#include "mm/codec.h"
#include "tests/unit/drivers/model/native/support.h"

namespace {
int moments = 0;  // that OpenBLAS summed up
}

// The linker leads calls of cblas_ssyrk here (--wrap).
extern "C" {
void __real_cblas_ssyrk(CBLAS_ORDER order, CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, blasint n, blasint k,
                        float alpha, const float* a, blasint lda, float beta, float* c, blasint ldc);
void __wrap_cblas_ssyrk(CBLAS_ORDER order, CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, blasint n, blasint k,
                        float alpha, const float* a, blasint lda, float beta, float* c, blasint ldc) {
  ++moments;
  __real_cblas_ssyrk(order, uplo, trans, n, k, alpha, a, lda, beta, c, ldc);
}
}

namespace phios {
namespace {

using namespace testing_support;
using ::testing::HasSubstr;

// One layer, so that an error of its attention is not carried through others.
RandomModelOptions options(float outliers) {
  return {.n_layers = 1,
          .n_embd = 128,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 32,
          .n_ff = 64,
          .outliers = outliers,
          .type = GgmlType::kF32};
}

// Rows whose channels go together in part, and of seven one stands out, another one for another seed.
std::vector<float> uneven_rows(size_t n, size_t dim, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> mix(dim * dim), rows(n * dim);
  for (size_t i = 0; i < mix.size(); ++i) mix[i] = normal(random) * (i % dim % 7 == seed ? 8.0f : 1.0f);
  for (size_t r = 0; r < n; ++r)
    for (size_t i = 0; i < dim; ++i) {
      const float x = normal(random);
      for (size_t c = 0; c < dim; ++c) rows[r * dim + c] += x * mix[i * dim + c];
    }
  return rows;
}

std::vector<float> moment_of(const std::vector<float>& rows, size_t dim) {
  std::vector<float> out(dim * dim);
  add_moment(rows.data(), rows.size() / dim, dim, dim, out);
  return out;
}

TEST(Calibrate, MomentsArePlainSums) {
  constexpr size_t kDim = 16, kRows = 9, kStride = 20;
  const std::vector<float> rows = uneven_rows(kRows, kStride, 1);
  std::vector<float> moment(kDim * kDim, 1.0f);
  add_moment(rows.data(), kRows, kStride, kDim, moment);
  for (size_t a = 0; a < kDim; ++a)
    for (size_t b = 0; b < kDim; ++b) {
      double sum = 1;
      for (size_t r = 0; r < kRows; ++r)
        sum += static_cast<double>(rows[r * kStride + a]) * static_cast<double>(rows[r * kStride + b]);
      EXPECT_NEAR(static_cast<double>(moment[a * kDim + b]), sum, 1e-5 * (1 + std::abs(sum)));
    }
}

// Σ over the channels of (energy of what is coded) × (energy of what reads it): the expected error, but for a
// factor that is the step's.
double expected_error(const std::vector<float>& coded, const std::vector<float>& reading, size_t dim,
                      const RotationPair& pair) {
  double error = 0;
  for (size_t c = 0; c < dim; ++c) {
    double energy[2] = {0, 0};
    for (size_t i = 0; i < dim; ++i)
      for (size_t j = 0; j < dim; ++j) {
        energy[0] +=
            double{coded[i * dim + j]} * double{pair.coded[i * dim + c]} * double{pair.coded[j * dim + c]};
        energy[1] += double{reading[i * dim + j]} * double{pair.reading[i * dim + c]} *
                     double{pair.reading[j * dim + c]};
      }
    error += energy[0] * energy[1];
  }
  return error;
}

TEST(Calibrate, BalancedPairsKeepProductsAndLoseLess) {
  for (const size_t dim : {16u, 48u, 64u, 80u}) {
    const std::vector<float> coded = moment_of(uneven_rows(500, dim, 1), dim);
    const std::vector<float> reading = moment_of(uneven_rows(500, dim, 2), dim);
    const auto pair = balance(coded, reading, dim);
    ASSERT_TRUE(pair) << pair.error().message;
    RotationPair plain{std::vector<float>(dim * dim), {}};
    for (size_t i = 0; i < dim; ++i) {
      plain.coded[i * dim + i] = 1;
      for (size_t j = 0; j < dim; ++j) {
        double product = 0;
        for (size_t c = 0; c < dim; ++c)
          product += double{pair->coded[i * dim + c]} * double{pair->reading[j * dim + c]};
        EXPECT_NEAR(product, i == j ? 1 : 0, 1e-4) << dim;
      }
    }
    for (size_t i = 0; i < dim; ++i) rotate_head(std::span(plain.coded).subspan(i * dim, dim), nullptr);
    plain.reading = plain.coded;  // Walsh-Hadamard
    EXPECT_LT(expected_error(coded, reading, dim, *pair), 0.7 * expected_error(coded, reading, dim, plain))
        << dim;
  }
}

TEST(Calibrate, MomentsThatAreNotFiniteAreRefusedAndEmptyOnesAreNot) {
  std::vector<float> none(256), broken(256);
  broken[17] = INFINITY;
  EXPECT_FALSE(balance(broken, none, 16));
  broken[17] = NAN;
  EXPECT_FALSE(balance(none, broken, 16));
  const auto pair = balance(none, none, 16);
  ASSERT_TRUE(pair);
  for (const float x : pair->coded) EXPECT_NEAR(static_cast<double>(std::abs(x)), 0.25, 1e-4);
}

TEST(Calibrate, MomentsGoThroughOpenBlas) {
  const std::vector<std::byte> bytes = make_random_model(options(1));
  const auto file = Gguf::parse(bytes, "random");
  moments = 0;
  ASSERT_TRUE(calibrate_rotations(*file, some_tokens(kObservedWindow + 100, 1)));
  EXPECT_EQ(moments, 2 * (2 * 4 + 2))
      << "of each KV head: keys, values and two heads' queries of two windows, two heads' outputs";
}

TEST(Calibrate, ShortTextsAndOtherModelsAreRefused) {
  const std::vector<std::byte> bytes = make_random_model(options(1));
  const auto short_text = calibrate_rotations(*Gguf::parse(bytes, "x"), some_tokens(255, 1));
  ASSERT_FALSE(short_text);
  EXPECT_EQ(short_text.error().code, ErrorCode::EINVAL_);
  std::vector<Token> beyond = some_tokens(300, 1);
  beyond[7] = 264;
  EXPECT_FALSE(calibrate_rotations(*Gguf::parse(bytes, "x"), beyond));
  const std::vector<std::byte> encoder = make_random_model({.architecture = "bert"});
  EXPECT_FALSE(calibrate_rotations(*Gguf::parse(encoder, "x"), some_tokens(300, 1)));
}

// The logits of a few tokens behind pages in this tier; none: all in f16.
std::vector<float> logits_behind(Model& model, KvTier tier) {
  constexpr uint32_t kPages = 24, kLast = kPages * PHI_PAGE_TOKENS;
  const KvShape& shape = model.info().kv;
  std::vector<std::unique_ptr<std::byte, FreeDeleter>> frames;
  const auto add_frame = [&](KvTier of) {
    frames.emplace_back(static_cast<std::byte*>(std::aligned_alloc(64, shape.frame_bytes(of))));
    std::fill_n(frames.back().get(), shape.frame_bytes(of), std::byte{0});
    return frames.back().get();
  };
  std::vector<KvSpan> kv;
  for (uint32_t page = 0; page <= kPages; ++page)
    kv.push_back({add_frame(KvTier::kF16), KvTier::kF16, page * PHI_PAGE_TOKENS, PHI_PAGE_TOKENS});
  const std::vector<Token> tokens = some_tokens(kLast + PHI_PAGE_TOKENS, 3);
  Collector tail;
  PassItem item{.tokens = std::span(tokens).first(kLast), .kv = std::span(kv).first(kPages)};
  EXPECT_TRUE(model.forward({&item, 1}, tail));
  for (uint32_t page = 4; tier != KvTier::kF16 && page < kPages; ++page) {
    std::byte* cold = add_frame(tier);
    encode_frame(shape, kv[page].frame, PHI_PAGE_TOKENS, tier, cold);
    kv[page].frame = cold, kv[page].tier = tier;
  }
  item = {.tokens = std::span(tokens).subspan(kLast), .first_pos = kLast, .kv = kv, .want_all_logits = true};
  Collector rows;
  EXPECT_TRUE(model.forward({&item, 1}, rows));
  std::vector<float> out;
  for (const Collector::Row& row : rows.rows[0]) out.insert(out.end(), row.logits.begin(), row.logits.end());
  return out;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i)
    squares += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
  return std::sqrt(squares);
}

TEST(Calibrate, WhereChannelsStandOutLittleIsLost) {
  const std::vector<std::byte> bytes = make_random_model(options(32));
  const auto file = Gguf::parse(bytes, "outliers");
  const auto rotations = calibrate_rotations(*file, some_tokens(2048, 1));
  ASSERT_TRUE(rotations);
  auto plain = open_native_model(bytes, "outliers");
  auto own = open_native_model(write_rotations(*file, *rotations), "own");
  ASSERT_TRUE(plain);
  ASSERT_TRUE(own) << own.error().message;
  const std::vector<float> meant = logits_behind(**plain, KvTier::kF16);
  EXPECT_EQ(logits_behind(**own, KvTier::kF16), meant);
  EXPECT_EQ(logits_behind(**own, KvTier::kInt8), logits_behind(**plain, KvTier::kInt8));
  for (const KvTier tier : {KvTier::kInt4, KvTier::kInt2}) {
    const double before = distance(logits_behind(**plain, tier), meant);
    const double after = distance(logits_behind(**own, tier), meant);
    EXPECT_LT(after, 0.6 * before) << kv_bits(tier) << " bits";
  }
}

// ---- files

KvRotations identities(size_t heads, size_t dim) {
  std::vector<float> one(heads * dim * dim);
  for (size_t i = 0; i < heads * dim; ++i) one[i * dim + i % dim] = 1;
  return {one, one, one, one};
}

TEST(Rotations, AFileCarriesThemThroughQuantizeAndItsIdTellsThem) {
  const std::vector<std::byte> bytes = make_random_model(options(1));
  const auto file = Gguf::parse(bytes, "plain");
  KvRotations wanted = identities(2, 32);
  wanted.keys[1] = wanted.values[1] = 0.5f;
  wanted.queries[32] = wanted.outputs[1] = -0.5f;
  const std::vector<std::byte> with = write_rotations(*file, wanted);
  const std::vector<std::byte> again = write_rotations(*Gguf::parse(with, "x"), wanted);
  EXPECT_EQ(with, again) << "in place of those that it had";
  const auto quantized = requantize(*Gguf::parse(with, "x"), GgmlType::kQ8_0);
  ASSERT_TRUE(quantized);
  const auto model = open_native_model(*quantized, "q8");
  ASSERT_TRUE(model) << model.error().message;
  const KvRotations* found = (*model)->info().kv.rotations;
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->keys, wanted.keys);
  EXPECT_EQ(found->outputs, wanted.outputs);
  const auto id = [](const std::vector<std::byte>& of) { return (*open_native_model(of, "x"))->info().id; };
  EXPECT_NE(id(with), id(bytes));
  EXPECT_NE(id(with), id(write_rotations(*file, identities(2, 32))));
}

TEST(Rotations, LayersThatAreLeftOutTakeThemAlong) {
  RandomModelOptions three = options(1);
  three.n_layers = 3;
  const std::vector<std::byte> bytes = make_random_model(three);
  const std::vector<std::byte> with = write_rotations(*Gguf::parse(bytes, "x"), identities(6, 32));
  const uint32_t one = 1;
  const auto dropped = drop_layers(*Gguf::parse(with, "x"), {&one, 1});
  ASSERT_TRUE(dropped);
  EXPECT_EQ((*open_native_model(*dropped, "x"))->info().kv.rotations, nullptr);
}

TEST(Rotations, WhatDoesNotFitTheModelIsRefused) {
  const std::vector<std::byte> bytes = make_random_model(options(1));
  const auto file = Gguf::parse(bytes, "x");
  const auto refused = [&](const KvRotations& rotations) {
    const auto model = open_native_model(write_rotations(*file, rotations), "x");
    return model ? std::string() : model.error().message;
  };
  EXPECT_EQ(refused(identities(2, 32)), "");
  EXPECT_THAT(refused(identities(3, 32)), HasSubstr("phios.rotation.keys has 3072 numbers"));
  for (const float odd : {NAN, -INFINITY, 1e5f}) {
    KvRotations broken = identities(2, 32);
    broken.values[33] = odd;
    EXPECT_THAT(refused(broken), HasSubstr("phios.rotation.values: a number is beyond 10000"));
  }
  for (const float odd : {0.0f, 2.0f}) {
    KvRotations broken = identities(2, 32);
    broken.outputs[32 * 32] = odd;
    EXPECT_THAT(refused(broken), HasSubstr("layer 0, head 1 do not undo each other"));
    broken = identities(2, 32);
    broken.queries[0] = odd;
    EXPECT_THAT(refused(broken), HasSubstr("layer 0, head 0 do not undo each other"));
  }
  GgufWriter writer;
  writer.copy_metadata(*file);
  writer.float32s("phios.rotation.keys", identities(2, 32).keys);
  for (const GgufTensor& t : file->tensors())
    writer.tensor(t.name, t.type, {t.shape.begin(), t.shape.begin() + t.n_dims}, t.data);
  EXPECT_FALSE(open_native_model(writer.finish(), "x"));
}

}  // namespace
}  // namespace phios
