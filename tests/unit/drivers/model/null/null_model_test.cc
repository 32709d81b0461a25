#include "drivers/model/null/null_model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace phios {
namespace {

struct Collector final : PassTail {
  void on_logits(size_t index, uint32_t position, std::span<float> logits) noexcept override {
    told.push_back({index, position, {logits.begin(), logits.end()}});
    std::ranges::fill(logits, 7.0f);
  }
  struct Told {
    size_t index;
    uint32_t position;
    std::vector<float> logits;
    bool operator==(const Told&) const = default;
  };
  std::vector<Told> told;
};

TEST(NullModel, TellsTheSameForTheSameTokens) {
  auto model = open_null_model();
  ASSERT_TRUE(model) << model.error().message;
  const std::vector<Token> tokens = {1, 2, 3}, others = {1, 2, 4};
  std::vector<PassItem> items(4);
  items[0].tokens = items[1].tokens = items[3].tokens = tokens;
  items[2].tokens = others;
  items[1].want_all_logits = true;
  items[3].want_logits = false;
  Collector first, second;
  ASSERT_TRUE((*model)->forward(items, first));
  ASSERT_TRUE((*model)->forward(items, second));
  ASSERT_EQ(first.told.size(), 5u);
  EXPECT_EQ(first.told, second.told);
  EXPECT_EQ(first.told[0].logits, first.told[3].logits);
  EXPECT_NE(first.told[0].logits, first.told[4].logits);
  EXPECT_EQ(first.told[0].logits.size(), 264u);
  EXPECT_EQ(first.told[2].position, 1u);
}

TEST(NullModel, HasTheByteVocabularyAndItsMarkers) {
  auto model = open_null_model({.n_vocab = 1000});
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->info().n_vocab, 1000u);
  EXPECT_EQ((*model)->info().architecture, "null");
  EXPECT_EQ((*model)->tokenizer().marker("<|phi_ret|>"), 258);
  EXPECT_EQ((*model)->tokenizer().bytes('x'), "x");
  EXPECT_TRUE((*model)->tokenizer().is_end(259));
  EXPECT_EQ((*model)->info().kv.frame_bytes() % 64, 0u);
  EXPECT_FALSE(open_null_model({.n_vocab = 3}));
}

}  // namespace
}  // namespace phios
