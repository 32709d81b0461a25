#include <gmock/gmock.h>

#include <limits>

#include "tests/unit/drivers/model/native/tokenizer/small_vocab.h"

namespace phios {
namespace {

using testing::byte_vocab;
using ::testing::HasSubstr;
using testing::merging_vocab;

std::string refusal(const VocabData& vocab) {
  const auto made = make_tokenizer(vocab);
  return made ? "" : made.error().message;
}

TEST(HostileVocabulary, KindsThatAreNotKnownAreNamed) {
  VocabData vocab = byte_vocab();
  vocab.model = "t5";
  EXPECT_THAT(refusal(vocab), HasSubstr("\"t5\""));
  vocab = byte_vocab();
  vocab.pre = "no such";
  EXPECT_THAT(refusal(vocab), HasSubstr("no pre-tokenizer \"no such\""));
}

TEST(HostileVocabulary, Tokens) {
  VocabData vocab = byte_vocab();
  vocab.tokens.clear();
  EXPECT_THAT(refusal(vocab), HasSubstr("empty"));
  vocab = byte_vocab();
  vocab.tokens[12] = "";
  EXPECT_THAT(refusal(vocab), HasSubstr("tokens[12]: the token is empty"));
  vocab.tokens[12] = "a\xc3";
  EXPECT_THAT(refusal(vocab), HasSubstr("tokens[12]: \"a\\xc3\" is not UTF-8 at byte 1"));
  vocab.tokens[12] = std::string(kTokenBytesMax + 1, 'x');
  EXPECT_THAT(refusal(vocab), HasSubstr("tokens[12]: 2049 bytes"));
  vocab = byte_vocab();
  vocab.tokens.resize(kVocabTokensMax + 1, "x");
  EXPECT_THAT(refusal(vocab), HasSubstr("1048577 tokens, at most 1048576"));
}

TEST(HostileVocabulary, Types) {
  VocabData vocab = byte_vocab();
  vocab.types.pop_back();
  EXPECT_THAT(refusal(vocab), HasSubstr("258 types for 259 tokens"));
  for (const int64_t type : {int64_t{0}, int64_t{7}, int64_t{-1}, std::numeric_limits<int64_t>::max()}) {
    vocab = byte_vocab();
    vocab.types[3] = type;
    EXPECT_THAT(refusal(vocab), HasSubstr("token_type[3]"));
  }
}

TEST(HostileVocabulary, Scores) {
  VocabData vocab = byte_vocab();
  vocab.scores = {1, 2};
  EXPECT_THAT(refusal(vocab), HasSubstr("2 scores for 259 tokens"));
  vocab.scores.assign(vocab.tokens.size(), 0);
  vocab.scores[9] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal(vocab), HasSubstr("scores[9]: not a number"));
}

TEST(HostileVocabulary, Ids) {
  for (const int64_t id :
       {int64_t{259}, int64_t{-2}, int64_t{0xffffffff}, std::numeric_limits<int64_t>::min()}) {
    VocabData vocab = byte_vocab();
    vocab.eos = id;
    EXPECT_THAT(refusal(vocab), HasSubstr("eos_token_id"));
    vocab = byte_vocab();
    vocab.unknown = id;
    EXPECT_THAT(refusal(vocab), HasSubstr("unknown_token_id"));
  }
}

TEST(HostileVocabulary, Merges) {
  const auto with = [](std::string merge) {
    VocabData vocab = byte_vocab();
    vocab.merges.push_back(std::move(merge));
    return refusal(vocab);
  };
  for (const char* merge : {"", "ab", " b", "a ", " "})
    EXPECT_THAT(with(merge), HasSubstr("merges[1]")) << merge;
  EXPECT_THAT(with("a bc"), HasSubstr("neither a token nor made by an earlier merge"));
  EXPECT_THAT(with("a b c"), HasSubstr("spells no byte"));
  EXPECT_THAT(with("a \xff"), HasSubstr("\"a \\xff\" has a character that spells no byte"));
  EXPECT_THAT(with("a 中"), HasSubstr("spells no byte"));
  EXPECT_EQ(with("a b"), "");
  VocabData vocab = byte_vocab();
  vocab.merges.resize(kVocabMergesMax + 1, "a b");
  EXPECT_THAT(refusal(vocab), HasSubstr("merges"));
}

TEST(Vocabulary, MayRepeatItself) {
  VocabData vocab = merging_vocab({"a b", "a b"});
  vocab.tokens.push_back("<|endoftext|>");
  vocab.types.push_back(3);
  const auto tokenizer = make_tokenizer(vocab);
  ASSERT_TRUE(tokenizer);
  EXPECT_THAT((*tokenizer)->encode("ab", false), ::testing::ElementsAre(257));  // the first of each counts
  EXPECT_EQ((*tokenizer)->marker("<|endoftext|>"), 256);
}

TEST(Vocabulary, WithoutTypesHasNoMarkers) {
  VocabData vocab = byte_vocab();
  vocab.types.clear();
  const auto tokenizer = make_tokenizer(vocab);
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ((*tokenizer)->encode("<|phi_sys|>", true).size(), 11u);
  EXPECT_EQ((*tokenizer)->marker("<|phi_sys|>"), -1);
}

TEST(Vocabulary, AStatedEndOfTurnIsTheOneOffered) {
  VocabData vocab = byte_vocab({"<|endoftext|>", "<|im_end|>", "<stop>"});
  vocab.eot = 258;
  const auto tokenizer = make_tokenizer(vocab);
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ((*tokenizer)->end(), 258);
  for (const Token token : {256, 257, 258}) EXPECT_TRUE((*tokenizer)->is_end(token));
}

}  // namespace
}  // namespace phios
