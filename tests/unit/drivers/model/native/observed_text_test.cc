// What an observer is told: the reference's states, inputs that give what is added, heads that attend.
#include "drivers/model/native/observed_text.h"

#include <gmock/gmock.h>

#include <array>

#include "drivers/model/native/quant.h"
#include "drivers/model/native/reference.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using namespace testing_support;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Input = PassObserver::Input;
using Vector = std::vector<float>;
using Table = std::vector<Vector>;  // [row][width]

class Recorder final : public PassObserver {
 public:
  struct Layer {
    std::array<Table, 4> inputs;
    Table q, k, v;
    const Table& in(Input of) const { return inputs[static_cast<size_t>(of)]; }
  };
  std::vector<Table> states;
  std::vector<Layer> layers;

  void on_state(uint32_t layer, const Rows& x) override { append(at(states, layer), x); }
  void on_input(uint32_t layer, Input of, const Rows& x) override {
    append(at(layers, layer).inputs[static_cast<size_t>(of)], x);
  }
  void on_heads(uint32_t layer, const Rows& q, const Rows& k, const Rows& v) override {
    append(at(layers, layer).q, q);
    append(at(layers, layer).k, k);
    append(at(layers, layer).v, v);
  }

 private:
  template <class T>
  static T& at(std::vector<T>& all, size_t i) {
    if (all.size() <= i) all.resize(i + 1);
    return all[i];
  }
  static void append(Table& to, const Rows& rows) {
    for (size_t r = 0; r < rows.n; ++r) to.emplace_back(rows.row(r).begin(), rows.row(r).end());
  }
};

RandomModelOptions options(const std::string& architecture = "llama") {
  return {.architecture = architecture,
          .n_layers = 3,
          .n_embd = 64,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 32,
          .n_ff = 96,
          .window = architecture == "gemma2" || architecture == "phi3" ? 21u : 0u,
          .type = GgmlType::kF32};
}

Recorder observed(const Gguf& file, std::span<const Token> tokens) {
  Recorder recorder;
  const Status status = observe_text(file, tokens, recorder);
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
  return recorder;
}

Vector floats(const Gguf& file, const std::string& name) {
  const GgufTensor* t = file.find_tensor(name);
  Vector out(t->elements);
  dequantize(t->type, t->data, out);
  return out;
}

Vector normed(const Vector& x, const Vector& weight) {
  float squares = 0;
  for (const float v : x) squares += v * v;
  Vector out(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    out[i] = x[i] / std::sqrt(squares / static_cast<float>(x.size()) + 1e-5f) * weight[i];
  return out;
}

Vector product(const Vector& matrix, const Vector& x) {
  Vector out(matrix.size() / x.size());
  for (size_t i = 0; i < matrix.size(); ++i) out[i / x.size()] += matrix[i] * x[i % x.size()];
  return out;
}

TEST(ObservedText, WhatLeavesTheLastLayerIsTheReferences) {
  for (const std::string architecture : {"llama", "qwen3", "gemma2", "phi3"}) {
    const std::vector<std::byte> bytes = make_random_model(options(architecture));
    const auto file = Gguf::parse(bytes, architecture);
    const std::vector<Token> tokens = some_tokens(40, 1);
    const Recorder seen = observed(*file, tokens);
    ASSERT_EQ(seen.states.size(), 4u);
    const Vector weight = floats(*file, "output_norm.weight");
    auto reference = Reference::load(*file);
    for (size_t i = 0; i < tokens.size(); ++i) {
      reference->next(tokens[i]);
      EXPECT_LT(relative_error(normed(seen.states[3][i], weight), reference->hidden()), 1e-3)
          << architecture << ", position " << i;
    }
  }
}

TEST(ObservedText, InputsGiveWhatEachLayerAdds) {
  const std::vector<std::byte> bytes = make_random_model(options());
  const auto file = Gguf::parse(bytes, "x");
  const Recorder seen = observed(*file, some_tokens(20, 1));
  for (size_t layer = 0; layer < 3; ++layer) {
    const std::string blk = "blk." + std::to_string(layer) + ".";
    const auto of = [&](const char* name) { return floats(*file, blk + name + ".weight"); };
    const Recorder::Layer& l = seen.layers[layer];
    for (size_t row = 0; row < 20; ++row) {
      Vector x = seen.states[layer][row];
      EXPECT_LT(relative_error(l.in(Input::kQueriesKeysValues)[row], normed(x, of("attn_norm"))), 1e-5);
      EXPECT_LT(relative_error(l.v[row], product(of("attn_v"), l.in(Input::kQueriesKeysValues)[row])), 1e-5);
      const Vector attention = product(of("attn_output"), l.in(Input::kOutput)[row]);
      for (size_t i = 0; i < x.size(); ++i) x[i] += attention[i];
      EXPECT_LT(relative_error(l.in(Input::kGateUp)[row], normed(x, of("ffn_norm"))), 1e-4);
      const Vector down = product(of("ffn_down"), l.in(Input::kDown)[row]);
      for (size_t i = 0; i < x.size(); ++i) x[i] += down[i];
      EXPECT_LT(relative_error(seen.states[layer + 1][row], x), 1e-4);
    }
  }
}

TEST(ObservedText, HeadsAttendToWhatTheOutputIsMadeOf) {
  const std::vector<std::byte> bytes = make_random_model(options());
  const Recorder seen = observed(*Gguf::parse(bytes, "x"), some_tokens(20, 1));
  constexpr size_t kDim = 32;
  for (const Recorder::Layer& l : seen.layers)
    for (size_t row = 0; row < 20; ++row) {
      Vector mixed(4 * kDim);
      for (size_t head = 0; head < 4; ++head) {
        const size_t kv = head / 2 * kDim;
        Vector weights(row + 1);
        float sum = 0;
        for (size_t t = 0; t <= row; ++t) {
          float score = 0;
          for (size_t d = 0; d < kDim; ++d) score += l.q[row][head * kDim + d] * l.k[t][kv + d];
          sum += weights[t] = std::exp(score / std::sqrt(static_cast<float>(kDim)));
        }
        for (size_t t = 0; t <= row; ++t)
          for (size_t d = 0; d < kDim; ++d) mixed[head * kDim + d] += weights[t] / sum * l.v[t][kv + d];
      }
      EXPECT_LT(relative_error(l.in(Input::kOutput)[row], mixed), 2e-3);
    }
}

TEST(ObservedText, EachWindowIsAContextOfItsOwn) {
  const std::vector<std::byte> bytes = make_random_model(options());
  const auto file = Gguf::parse(bytes, "x");
  const std::vector<Token> tokens = some_tokens(kObservedWindow + 20, 1);
  Recorder all;
  std::vector<size_t> done;
  ASSERT_TRUE(observe_text(*file, tokens, all, [&](size_t n) { done.push_back(n); }));
  EXPECT_THAT(done, ElementsAre(kObservedWindow, kObservedWindow + 20));
  const Recorder alone = observed(*file, std::span(tokens).subspan(kObservedWindow));
  ASSERT_EQ(all.states[3].size(), tokens.size());
  for (size_t row = 0; row < 20; ++row) EXPECT_EQ(all.states[3][kObservedWindow + row], alone.states[3][row]);
}

TEST(ObservedText, TokensThatTheModelHasNotAreRefused) {
  const std::vector<std::byte> bytes = make_random_model(options());
  Recorder recorder;
  for (const Token odd : {-1, 264}) {
    const Status status = observe_text(*Gguf::parse(bytes, "x"), {&odd, 1}, recorder);
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr("has no embedding"));
  }
  EXPECT_TRUE(recorder.states.empty());
}

}  // namespace
}  // namespace phios
