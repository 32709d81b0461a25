// The encoder against the same sums in plain scalar arithmetic, and what it says of files that are wrong.
#include "drivers/model/native/encoder.h"

#include <cblas.h>
#include <gmock/gmock.h>

#include <cmath>

#include "drivers/model/native/quant.h"
#include "drivers/model/native/random_model.h"

namespace {
int products = 0;  // that went to OpenBLAS
}

// The linker leads calls of cblas_sgemm here (--wrap).
extern "C" {
void __real_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE trans_a, CBLAS_TRANSPOSE trans_b, blasint m,
                        blasint n, blasint k, float alpha, const float* a, blasint lda, const float* b,
                        blasint ldb, float beta, float* c, blasint ldc);
void __wrap_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE trans_a, CBLAS_TRANSPOSE trans_b, blasint m,
                        blasint n, blasint k, float alpha, const float* a, blasint lda, const float* b,
                        blasint ldb, float beta, float* c, blasint ldc) {
  ++products;
  __real_cblas_sgemm(order, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
}

namespace phios {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

RandomModelOptions options(GgmlType type, uint32_t pooling) {
  return {.architecture = "bert",
          .n_layers = 2,
          .n_embd = 64,
          .n_heads = 4,
          .n_ff = 96,
          .n_vocab = 100,
          .context_length = 24,
          .pooling = pooling,
          .type = type,
          .embedding_type = type};
}

class Plain {
 public:
  Plain(const Gguf& file, size_t n_layers, size_t n_heads)
      : file_(file), layers_(n_layers), heads_(n_heads) {}

  Row embed(std::span<const Token> tokens, bool mean) const {
    const Rows words = table("token_embd.weight"), types = table("token_types.weight"),
               positions = table("position_embd.weight");
    Rows x;
    for (size_t t = 0; t < tokens.size(); ++t) {
      Row row = words[static_cast<size_t>(tokens[t])];
      for (size_t i = 0; i < row.size(); ++i) row[i] += types[0][i] + positions[t][i];
      x.push_back(norm(row, "token_embd_norm"));
    }
    for (size_t l = 0; l < layers_; ++l) x = layer(x, "blk." + std::to_string(l) + ".");
    Row out = x[0];
    for (size_t t = 1; mean && t < x.size(); ++t)
      for (size_t i = 0; i < out.size(); ++i) out[i] += x[t][i];
    double squares = 0;
    for (const double v : out) squares += v * v;
    for (double& v : out) v /= std::sqrt(squares);
    return out;
  }

 private:
  Rows table(const std::string& name) const {
    const GgufTensor* t = file_.find_tensor(name);
    Rows out;
    for (uint64_t r = 0; r < t->rows(); ++r) {
      std::vector<float> row(t->shape[0]);
      dequantize_row(*t, r, row);
      out.emplace_back(row.begin(), row.end());
    }
    return out;
  }
  Row norm(const Row& x, const std::string& name) const {
    const Row weight = table(name + ".weight")[0], bias = table(name + ".bias")[0];
    double mean = 0, squares = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) squares += (v - mean) * (v - mean) / static_cast<double>(x.size());
    Row out;
    for (size_t i = 0; i < x.size(); ++i)
      out.push_back((x[i] - mean) / std::sqrt(squares + 1e-12) * weight[i] + bias[i]);
    return out;
  }
  Rows linear(const Rows& x, const std::string& name) const {
    const Rows weight = table(name + ".weight");
    const Row bias = table(name + ".bias")[0];
    Rows out;
    for (const Row& in : x) {
      Row row = bias;
      for (size_t o = 0; o < row.size(); ++o)
        for (size_t i = 0; i < in.size(); ++i) row[o] += weight[o][i] * in[i];
      out.push_back(row);
    }
    return out;
  }
  Rows attend(const Rows& q, const Rows& k, const Rows& v) const {
    const size_t dim = q[0].size() / heads_;
    Rows out(q.size(), Row(q[0].size()));
    for (size_t at = 0; at < q[0].size(); at += dim)
      for (size_t t = 0; t < q.size(); ++t) {
        Row weights(q.size());
        double sum = 0;
        for (size_t s = 0; s < q.size(); ++s) {
          double score = 0;
          for (size_t i = at; i < at + dim; ++i) score += q[t][i] * k[s][i];
          sum += weights[s] = std::exp(score / std::sqrt(static_cast<double>(dim)));
        }
        for (size_t s = 0; s < q.size(); ++s)
          for (size_t i = at; i < at + dim; ++i) out[t][i] += weights[s] / sum * v[s][i];
      }
    return out;
  }
  Rows layer(const Rows& x, const std::string& p) const {
    const auto add_norm = [&](Rows a, const Rows& b, const std::string& name) {
      for (size_t t = 0; t < a.size(); ++t) {
        for (size_t i = 0; i < a[t].size(); ++i) a[t][i] += b[t][i];
        a[t] = norm(a[t], name);
      }
      return a;
    };
    const Rows mixed = attend(linear(x, p + "attn_q"), linear(x, p + "attn_k"), linear(x, p + "attn_v"));
    const Rows middle = add_norm(x, linear(mixed, p + "attn_output"), p + "attn_output_norm");
    Rows inner = linear(middle, p + "ffn_up");
    for (Row& row : inner)
      for (double& v : row) v = v / 2 * (1 + std::erf(v / std::sqrt(2.0)));
    return add_norm(middle, linear(inner, p + "ffn_down"), p + "layer_output_norm");
  }

  const Gguf& file_;
  size_t layers_, heads_;
};

TEST(Encoder, AgreesWithPlainSums) {
  for (const GgmlType type : {GgmlType::kF32, GgmlType::kF16, GgmlType::kQ8_0})
    for (const uint32_t pooling : {1u, 2u}) {
      const std::vector<std::byte> bytes = make_random_model(options(type, pooling));
      const auto file = Gguf::parse(bytes, "random");
      ASSERT_TRUE(file);
      auto encoder = Encoder::load(*file);
      ASSERT_TRUE(encoder) << encoder.error().message;
      const std::vector<Token> tokens = (*encoder)->tokens("A dog, 2 cats.");
      ASSERT_GT(tokens.size(), 10u);
      const Row expected = Plain(*file, 2, 4).embed(tokens, pooling == 1);
      const std::vector<float> got = (*encoder)->embed(tokens);
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(static_cast<double>(got[i]), expected[i], 1e-5);
      EXPECT_EQ((*encoder)->embed("A dog, 2 cats."), got);
    }
}

TEST(Encoder, ProductsGoThroughOpenBlas) {
  const std::vector<std::byte> bytes = make_random_model(options(GgmlType::kF16, 1));
  const auto file = Gguf::parse(bytes, "random");
  auto encoder = Encoder::load(*file);
  ASSERT_TRUE(encoder);
  products = 0;
  (*encoder)->embed("A dog, 2 cats.");
  EXPECT_EQ(products, 2 * (6 + 2 * 4)) << "of each layer: six matrices, and for each head QKᵀ and PV";
}

TEST(Encoder, ATextLongerThanTheContextIsCutBeforeItsEnd) {
  const std::vector<std::byte> bytes = make_random_model(options(GgmlType::kF32, 1));
  const auto file = Gguf::parse(bytes, "random");
  auto encoder = Encoder::load(*file);
  ASSERT_TRUE(encoder);
  const std::vector<Token> tokens = (*encoder)->tokens(std::string(100, 'a'));
  EXPECT_EQ(tokens.size(), 24u);
  EXPECT_EQ(tokens.front(), 2);
  EXPECT_EQ(tokens.back(), 3);
  EXPECT_EQ((*encoder)->embed("").size(), 64u);
}

TEST(Encoder, DecodersAndBrokenFilesAreRefusedByName) {
  const auto refusal = [](const RandomModelOptions& o) {
    const std::vector<std::byte> bytes = make_random_model(o);
    const auto file = Gguf::parse(bytes, "random");
    const auto encoder = Encoder::load(*file);
    return encoder ? "" : encoder.error().message;
  };
  EXPECT_THAT(refusal({.n_layers = 1}), testing::HasSubstr("\"llama\""));
  EXPECT_THAT(refusal(options(GgmlType::kF32, 3)), testing::HasSubstr("bert.pooling_type is 3"));
  RandomModelOptions uneven = options(GgmlType::kF32, 1);
  uneven.n_heads = 7;
  EXPECT_THAT(refusal(uneven), testing::HasSubstr("no multiple of 7 heads"));
}

}  // namespace
}  // namespace phios
