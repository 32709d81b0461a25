#include <gmock/gmock.h>

#include <array>
#include <random>
#include <thread>

#include "tests/unit/drivers/model/native/tokenizer/small_vocab.h"

namespace phios {
namespace {

using testing::byte_vocab;
using testing::decode;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using testing::merging_vocab;
using testing::spell;

std::unique_ptr<Tokenizer> make(const VocabData& vocab) {
  auto made = make_tokenizer(vocab);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

std::string random_bytes(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::string text(n, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(ByteVocabulary, EveryByteIsItsOwnToken) {
  const auto tokenizer = make(byte_vocab());
  std::string text;
  std::vector<Token> expected;
  for (int byte = 255; byte >= 0; --byte) {
    text += static_cast<char>(byte);
    expected.push_back(byte);
  }
  EXPECT_THAT(tokenizer->encode(text, true), ElementsAreArray(expected));
  for (int byte = 0; byte < 256; ++byte)
    EXPECT_EQ(tokenizer->bytes(byte), std::string(1, static_cast<char>(byte)));
}

TEST(ByteVocabulary, TheDummyMergeNeverShows) {
  EXPECT_THAT(make(byte_vocab())->encode("a   b", false), ElementsAre('a', ' ', ' ', ' ', 'b'));
}

TEST(ByteVocabulary, MarkersAreTokensOnlyIfAskedFor) {
  const auto tokenizer = make(byte_vocab());
  const std::string text = "a<|phi_sys|>READ n<|phi_end|>";
  EXPECT_THAT(tokenizer->encode(text, true), ElementsAre('a', 257, 'R', 'E', 'A', 'D', ' ', 'n', 258));
  const std::vector<Token> plain = tokenizer->encode(text, false);
  EXPECT_EQ(plain.size(), text.size());
  EXPECT_EQ(decode(*tokenizer, plain), text);
  EXPECT_EQ(tokenizer->marker("<|phi_sys|>"), 257);
  EXPECT_EQ(tokenizer->marker("<|phi_sys"), -1);
  EXPECT_EQ(tokenizer->marker("<|phi_other|>"), -1);
  EXPECT_EQ(tokenizer->marker("a"), -1);
  EXPECT_EQ(tokenizer->marker(""), -1);
}

TEST(Merging, WhatAVocabularySpellsPlainlyIsNotMadeByMerges) {
  VocabData vocab = merging_vocab({"â Ģ", "âĢ į"});
  vocab.tokens.insert(vocab.tokens.begin() + 257, "\u200d");
  vocab.types.insert(vocab.types.begin() + 257, 1);
  const auto tokenizer = make(vocab);
  EXPECT_THAT(tokenizer->encode("\u200d", false), ElementsAre(259));
  EXPECT_EQ(tokenizer->bytes(257), "\u200d");
}

TEST(ByteVocabulary, ControlTokensHaveNoBytesAndEndsAreKnown) {
  const auto tokenizer = make(byte_vocab());
  EXPECT_EQ(tokenizer->size(), 259u);
  EXPECT_TRUE(tokenizer->is_control(257));
  EXPECT_EQ(tokenizer->bytes(257), "");
  EXPECT_FALSE(tokenizer->is_control('a'));
  EXPECT_EQ(tokenizer->bos(), 256);
  EXPECT_FALSE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->end(), 256);
  EXPECT_TRUE(tokenizer->is_end(256));
  EXPECT_FALSE(tokenizer->is_end(257));
  for (const Token outside : {-1, 259, 1 << 30}) {
    EXPECT_EQ(tokenizer->bytes(outside), "");
    EXPECT_FALSE(tokenizer->is_control(outside));
    EXPECT_FALSE(tokenizer->is_end(outside));
  }
}

TEST(ByteVocabulary, TheLongestMarkerWins) {
  const auto tokenizer = make(byte_vocab({"<a>", "<a><b>", "<a><c"}));
  EXPECT_THAT(tokenizer->encode("<a><b><a><d", true), ElementsAre(257, 256, '<', 'd'));
}

TEST(Merging, LowestRankFirstThenLeftmost) {
  const auto tokenizer = make(merging_vocab({"b c", "a b", "a a", "aa aa"}));
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("abc", false)), ElementsAre("a", "bc"));
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("abab", false)), ElementsAre("ab", "ab"));
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("aaaaaaa", false)), ElementsAre("aaaa", "aa", "a"));
}

TEST(Merging, AgreesWithTheNaiveWay) {
  const std::vector<std::string> merges = {"a b",  "b a",    "ab ab", "a a", "ba b",
                                           "aa b", "abab a", "b b",   "bb a"};
  const auto tokenizer = make(merging_vocab(merges));
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (uint32_t n = random() % 40; n > 0; --n) text += random() % 2 ? 'a' : 'b';
    std::vector<std::string> parts;
    for (const char c : text) parts.emplace_back(1, c);
    for (bool joined = true; joined;) {
      joined = false;
      for (const std::string& merge : merges) {
        const std::string left = merge.substr(0, merge.find(' ')), right = merge.substr(merge.find(' ') + 1);
        for (size_t i = 0; i + 1 < parts.size() && !joined; ++i) {
          if (parts[i] != left || parts[i + 1] != right) continue;
          parts[i] += right;
          parts.erase(parts.begin() + static_cast<ptrdiff_t>(i) + 1);
          joined = true;
        }
        if (joined) break;
      }
    }
    ASSERT_THAT(spell(*tokenizer, tokenizer->encode(text, false)), ElementsAreArray(parts)) << text;
  }
}

TEST(Merging, WhatOnlyLiesOnTheWayToATokenBecomesBytes) {
  VocabData vocab = merging_vocab({"a b", "ab c"});
  vocab.tokens[257] = "elsewhere";  // so that "ab" is no token any more
  const auto tokenizer = make(vocab);
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("abc", false)), ElementsAre("abc"));
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("abd", false)), ElementsAre("a", "b", "d"));
}

TEST(Merging, NeverReachesAControlToken) {
  VocabData vocab = merging_vocab({"< |", "<| >"});
  vocab.types[258] = 3;  // "<|>", which the merges spell
  const auto tokenizer = make(vocab);
  EXPECT_THAT(tokenizer->encode("<|>", false), ElementsAre('<', '|', '>'));
  EXPECT_THAT(tokenizer->encode("<|>", true), ElementsAre(258));
  vocab.pre = "llama-bpe";  // takes whole words first
  EXPECT_THAT(make(vocab)->encode("<|>", false), ElementsAre('<', '|', '>'));
}

TEST(Merging, AWholeWordComesFirstInLlama3) {
  VocabData vocab = merging_vocab({"b c", "a b"}, "llama-bpe");
  vocab.tokens.push_back("abc");  // no merge makes it
  vocab.types.push_back(1);
  const auto tokenizer = make(vocab);
  EXPECT_THAT(spell(*tokenizer, tokenizer->encode("abc", false)), ElementsAre("abc"));
  EXPECT_TRUE(tokenizer->adds_bos());
  vocab.pre = "gpt-2";
  EXPECT_THAT(spell(*make(vocab), make(vocab)->encode("abc", false)), ElementsAre("a", "bc"));
}

TEST(UserDefined, WordsAlwaysAndMarkersOnlyIfAskedFor) {
  VocabData vocab = byte_vocab({"<|endoftext|>", "\n\n", "<tool>"});
  vocab.types[257] = vocab.types[258] = 4;
  const auto tokenizer = make(vocab);
  EXPECT_THAT(tokenizer->encode("a\n\n<tool>", false), ElementsAre('a', 257, '<', 't', 'o', 'o', 'l', '>'));
  EXPECT_THAT(tokenizer->encode("a\n\n<tool>", true), ElementsAre('a', 257, 258));
  EXPECT_EQ(tokenizer->bytes(258), "<tool>");
  EXPECT_FALSE(tokenizer->is_control(258));
  EXPECT_EQ(tokenizer->marker("<tool>"), 258);
}

TEST(MissingBytes, BecomeTheUnknownTokenOrVanish) {
  VocabData vocab = byte_vocab({"<|endoftext|>", "<unk>"});
  vocab.tokens['q'] = "elsewhere";
  EXPECT_THAT(make(vocab)->encode("aqb", false), ElementsAre('a', 'b'));
  vocab.types[257] = 2;
  vocab.unknown = 257;
  EXPECT_THAT(make(vocab)->encode("aqb", false), ElementsAre('a', 257, 'b'));
  vocab.unknown = 256;  // a control token: text from outside must not become one
  EXPECT_THAT(make(vocab)->encode("aqb", false), ElementsAre('a', 'b'));
}

TEST(AnyBytes, RoundTripWhateverTheyAre) {
  for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "starcoder", "falcon"}) {
    const auto tokenizer = make(merging_vocab({"Ġ Ġ", "ĠĠ ĠĠ", "t h", "th e", "Ã ©", "1 2"}, pre));
    for (uint32_t seed = 0; seed < 50; ++seed) {
      const std::string text = "the é 12  \n" + random_bytes(400, seed) + "\xe2\x82";
      EXPECT_EQ(decode(*tokenizer, tokenizer->encode(text, false)), text) << pre << " " << seed;
      EXPECT_EQ(decode(*tokenizer, tokenizer->encode(text, true)), text) << pre << " " << seed;
    }
    EXPECT_TRUE(tokenizer->encode("", false).empty());
  }
}

TEST(Threads, ShareATokenizer) {
  constexpr int kThreads = 4;
  const auto tokenizer = make(merging_vocab({"t h", "th e", "Ġ the"}, "llama-bpe"));
  const std::string text = "the other the then " + random_bytes(300, 1);
  const std::vector<Token> alone = tokenizer->encode(text, true);
  std::array<bool, kThreads> same{};
  std::vector<std::thread> threads;
  for (bool& mine : same)
    threads.emplace_back([&] {
      mine = true;
      for (int round = 0; round < 50; ++round) mine = mine && tokenizer->encode(text, true) == alone;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(same, ::testing::Each(true));
}

// A megabyte of one letter, of blanks, of line ends, of stray bytes: in quadratic time this would not end
// within the test's limit.
TEST(LongTexts, TakeTimeInProportion) {
  const auto tokenizer = make(merging_vocab({"a a", "aa aa", "aaaa aaaa", "Ġ Ġ", "ĠĠ ĠĠ"}, "llama-bpe"));
  for (const char* unit : {"a", " ", "\n", " \n", "\xff", "<|", "a\xff"}) {
    std::string text;
    while (text.size() < (1u << 20)) text += unit;
    EXPECT_EQ(decode(*tokenizer, tokenizer->encode(text, true)).size(), text.size()) << printable(unit);
  }
}

}  // namespace
}  // namespace phios
