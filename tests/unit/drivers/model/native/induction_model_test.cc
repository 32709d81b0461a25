// The induction model recalls exactly, at any distance, in every type that is written; and it is an ordinary
// llama.
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "drivers/model/native/induction_model.h"
#include "drivers/model/native/reference.h"
#include "kernel/base/env.h"
#include "tests/unit/drivers/model/native/support.h"
#include "tests/unit/sanitized.h"

namespace phios {
namespace {

using namespace testing_support;

constexpr uint32_t kWords = 2048, kRecordTokens = 32;

std::unique_ptr<Model> open(const InductionModelOptions& options = {}) {
  auto model = open_native_model(make_induction_model(options), "induction", {.threads = 2});
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  return model ? std::move(*model) : nullptr;
}

Token only(const Model& model, const std::string& word) {
  const std::vector<Token> tokens = model.tokenizer().encode(" " + word, false);
  EXPECT_EQ(tokens.size(), 1u) << word;
  return tokens.at(0);
}
Token key(const Model& model, uint32_t word) { return only(model, induction_key(word)); }
Token value(const Model& model, uint32_t word) { return only(model, induction_value(word)); }
uint32_t answer_to(uint32_t record) { return static_cast<uint32_t>(derive_seed(3, record) % kWords); }

// Records "Key value" of all different keys among random values.
std::vector<Token> haystack(const Model& model, uint32_t tokens) {
  std::vector<Token> out = {model.tokenizer().bos()};
  while (out.size() < tokens) {
    const auto n = static_cast<uint32_t>(out.size());
    if (n % kRecordTokens == kRecordTokens / 2) {
      out.push_back(key(model, n / kRecordTokens));
      out.push_back(value(model, answer_to(n / kRecordTokens)));
    } else {
      out.push_back(value(model, static_cast<uint32_t>(derive_seed(4, n) % kWords)));
    }
  }
  out.resize(tokens);
  return out;
}

size_t recalled(Model& model, uint32_t tokens) {
  Sequence sequence(model.info().kv, 1);
  const std::vector<Token> text = haystack(model, tokens);
  constexpr size_t kChunk = 512;
  for (size_t at = 0; at < text.size(); at += kChunk)
    run_chunk(model, sequence, std::span(text).subspan(at, std::min(kChunk, text.size() - at)));
  const uint32_t records = tokens / kRecordTokens;
  size_t right = 0;
  for (uint32_t first = 0; first < records; first += kChunk) {
    std::vector<Token> asked;
    for (uint32_t r = first; r < std::min<uint32_t>(records, first + kChunk); ++r)
      asked.push_back(key(model, r));
    Collector tail;
    PassItem item = sequence.append(asked);
    item.want_all_logits = true;
    EXPECT_TRUE(model.forward({&item, 1}, tail));
    for (const Collector::Row& row : tail.rows.at(0)) {
      std::vector<float> logits = row.logits;
      const auto best = std::ranges::max_element(logits) - logits.begin();
      right += best == value(model, answer_to(first + row.position));
    }
  }
  return right;
}

TEST(InductionModel, RecallsEveryRecordAtEveryLength) {
  const auto model = open();
  for (const uint32_t tokens : {2048u, 8192u, kSanitized ? 10000u : 32000u})
    EXPECT_EQ(recalled(*model, tokens), tokens / kRecordTokens);
}

TEST(InductionModel, RecallsInEveryTypeThatIsWritten) {
  for (const GgmlType type : {GgmlType::kF32, GgmlType::kBF16, GgmlType::kQ8_0}) {
    const auto model = open({.type = type});
    EXPECT_EQ(recalled(*model, 2048), 2048 / kRecordTokens)
        << ggml_type_info(static_cast<uint32_t>(type))->name;
  }
}

TEST(InductionModel, FollowsAChain) {
  const auto model = open();
  std::vector<Token> text = haystack(*model, 512);
  constexpr uint32_t kLinks[] = {2000, 1900, 1800, 1700};
  for (size_t i = 3; i > 0; --i) {
    text[i * 128] = key(*model, kLinks[i - 1]);
    text[i * 128 + 1] = value(*model, kLinks[i]);
  }
  Sequence sequence(model->info().kv, 1);
  run_chunk(*model, sequence, text);
  Token token = key(*model, kLinks[0]);
  for (size_t i = 1; i < std::size(kLinks); ++i) {
    const std::vector<float> logits = run_chunk(*model, sequence, {&token, 1});
    token = static_cast<Token>(std::ranges::max_element(logits) - logits.begin());
    EXPECT_EQ(token, value(*model, kLinks[i]));
  }
}

TEST(InductionModel, AgreesWithTheReference) {
  const std::vector<std::byte> bytes = make_induction_model({.n_words = 100, .type = GgmlType::kF32});
  const auto file = Gguf::parse(bytes, "induction");
  ASSERT_TRUE(file) << file.error().message;
  auto reference = Reference::load(*file);
  ASSERT_TRUE(reference) << reference.error().message;
  const auto model = open({.n_words = 100, .type = GgmlType::kF32});
  Sequence sequence(model->info().kv, 1);
  for (const Token token : some_tokens(80, 11))
    EXPECT_LT(relative_error(run_chunk(*model, sequence, {&token, 1}), reference->next(token)), 1e-3);
}

}  // namespace
}  // namespace phios
