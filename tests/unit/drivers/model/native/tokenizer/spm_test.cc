#include <gmock/gmock.h>

#include <random>

#include "tests/unit/drivers/model/native/tokenizer/small_vocab.h"

namespace phios {
namespace {

using testing::decode;
using ::testing::ElementsAre;
using testing::spell;

void add(VocabData& vocab, std::string text, float score, int64_t type) {
  vocab.tokens.push_back(std::move(text));
  vocab.scores.push_back(score);
  vocab.types.push_back(type);
}

constexpr Token kFirstWord = 259;

VocabData spm_vocab() {
  VocabData vocab;
  vocab.model = "llama";
  add(vocab, "<unk>", 0, 2);
  add(vocab, "<s>", 0, 3);
  add(vocab, "</s>", 0, 3);
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (size_t byte = 0; byte < 256; ++byte)
    add(vocab, {'<', '0', 'x', kHex[byte / 16], kHex[byte % 16], '>'}, 0, 6);
  float score = 0;
  for (const char* word :
       {"he", "▁t", "▁▁", "▁the", "hello", "▁", "h", "e", "l", "o", "t", "<", "s", ">", "s>", "é"})
    add(vocab, word, score -= 1, 1);
  vocab.bos = 1;
  vocab.eos = 2;
  vocab.unknown = 0;
  return vocab;
}

std::unique_ptr<Tokenizer> make(const VocabData& vocab) {
  auto made = make_tokenizer(vocab);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

TEST(SentencePiece, JoinsByScoreAfterASpacePrefix) {
  const auto tokenizer = make(spm_vocab());
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("the", false)), ElementsAre(" the"));
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("he  t", false)), ElementsAre(" ", "he", " ", " t"));
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->end(), 2);
}

TEST(SentencePiece, TheSpacePrefixCanBeOff) {
  VocabData vocab = spm_vocab();
  vocab.add_space_prefix = false;
  vocab.add_bos = false;
  const auto tokenizer = make(vocab);
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("the", false)), ElementsAre("t", "he"));
  EXPECT_FALSE(tokenizer->adds_bos());
}

TEST(SentencePiece, FallsBackToBytesAndRoundTrips) {
  VocabData vocab = spm_vocab();
  vocab.add_space_prefix = false;
  const auto tokenizer = make(vocab);
  EXPECT_THAT(tokenizer->encode("é", false), ElementsAre(kFirstWord + 15));
  EXPECT_THAT(tokenizer->encode("ü", false), ElementsAre(3 + 0xc3, 3 + 0xbc));
  std::mt19937 random(3);
  std::string text = "hello ▁ \xe2\x82 <0x41> ";
  for (int i = 0; i < 2000; ++i) text += static_cast<char>(random());
  EXPECT_EQ(decode(*tokenizer, tokenizer->encode(text, false)), text);
}

TEST(SentencePiece, OutsideTextNeverBecomesAControlOrByteToken) {
  const auto tokenizer = make(spm_vocab());
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("<s>", false)), ElementsAre(" ", "<", "s>"));
  EXPECT_THAT(tokenizer->encode("<s>", true), ElementsAre(1));
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("</s>the</s>", true)), ElementsAre("#2", " the", "#2"));
  EXPECT_EQ(decode(*tokenizer, tokenizer->encode("<0x41>", true)), " <0x41>");
}

TEST(SentencePiece, BrokenVocabulariesAreRefused) {
  VocabData vocab = spm_vocab();
  vocab.tokens[7] = "<0xZZ>";
  auto made = make_tokenizer(vocab);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, ::testing::HasSubstr("tokens[7]"));
  vocab = spm_vocab();
  vocab.scores.clear();
  made = make_tokenizer(vocab);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, ::testing::HasSubstr("scores"));
}

TEST(SentencePiece, WithoutByteTokensUnknownStandsIn) {
  VocabData vocab;
  vocab.model = "llama";
  add(vocab, "<unk>", 0, 2);
  add(vocab, "a", -1, 1);
  vocab.unknown = 0;
  vocab.add_space_prefix = false;
  EXPECT_THAT(make(vocab)->encode("aba", false), ElementsAre(1, 0, 1));
  EXPECT_FALSE(make(vocab)->adds_bos());
  EXPECT_EQ(make(vocab)->end(), -1);
}

}  // namespace
}  // namespace phios
