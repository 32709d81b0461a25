#include "drivers/model/native/tokenizer/word_piece.h"

#include <gmock/gmock.h>

#include "tests/unit/drivers/model/native/tokenizer/small_vocab.h"

namespace phios {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

VocabData bert_vocab(std::initializer_list<const char*> words) {
  VocabData vocab;
  vocab.model = "bert";
  vocab.tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  vocab.types = {3, 3, 3, 3};
  for (const char* word : words) {
    vocab.tokens.emplace_back(word);
    vocab.types.push_back(1);
  }
  vocab.unknown = 1, vocab.bos = 2, vocab.eos = 3;
  return vocab;
}

std::vector<std::string> pieces(std::initializer_list<const char*> words, std::string_view text,
                                bool special = false) {
  const auto tokenizer = make_tokenizer(bert_vocab(words));
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message);
  return testing::spell(**tokenizer, (*tokenizer)->encode(text, special));
}

TEST(WordPiece, TakesTheLongestPieceOfEachWord) {
  EXPECT_THAT(pieces({"▁un", "▁unaff", "aff", "able", "a", "b", "▁the"}, "the unaffable un"),
              ElementsAre(" the", " unaff", "able", " un"));
}

TEST(WordPiece, AWordThatCannotBeSpelledIsUnknownAsAWhole) {
  EXPECT_THAT(pieces({"▁a", "b"}, "ab abc a"), ElementsAre(" a", "b", "#1", " a"));
  EXPECT_THAT(pieces({"a"}, "a"), ElementsAre("#1"));  // no token begins a word with it
}

TEST(WordPiece, CaseAndAccentsGo) {
  EXPECT_THAT(pieces({"▁uber", "▁cafe", "▁ελλαδα", "▁ион"}, "Über CAFÉ cafe\xcc\x81 Ελλάδα ИОН"),
              ElementsAre(" uber", " cafe", " cafe", " ελλαδα", " ион"));
  EXPECT_THAT(pieces({"▁viet", "▁a"}, "Việt Ậ"), ElementsAre(" viet", " a"));
}

TEST(WordPiece, HangulIsSpelledByItsLetters) {
  EXPECT_THAT(pieces({"▁\u1112\u1161\u11ab", "\u1100\u1173\u11af"}, "\ud55c\uae00"),
              ElementsAre(" \u1112\u1161\u11ab", "\u1100\u1173\u11af"));
}

TEST(WordPiece, PunctuationSymbolsAndHanStandAlone) {
  EXPECT_THAT(pieces({"▁a", "▁!", "▁$", "▁中", "▁文", "▁3", "b"}, "a!$3中文ab"),
              ElementsAre(" a", " !", " $", " 3", " 中", " 文", " a", "b"));
}

TEST(WordPiece, ControlCharactersVanishAndSpacesOfAnyKindPart) {
  EXPECT_THAT(pieces({"▁ab", "▁a", "▁b"},
                     "a\x01"
                     "b\ta\u00a0b\n\u200b"
                     "a\u3000b\xff"),
              ElementsAre(" ab", " a", " b", " a", " b"));
  EXPECT_THAT(pieces({"▁a"}, " \n\t"), ElementsAre());
}

TEST(WordPiece, MarkersOnlyWhereTheyAreAskedFor) {
  EXPECT_THAT(pieces({"▁[", "▁sep", "▁]", "▁a"}, "a[SEP]"), ElementsAre(" a", " [", " sep", " ]"));
  EXPECT_THAT(pieces({"▁[", "▁sep", "▁]", "▁a"}, "a[SEP]", true), ElementsAre(" a", "#3"));
}

TEST(WordPiece, AVocabularyWithoutAnUnknownTokenIsRefused) {
  VocabData vocab = bert_vocab({"▁a"});
  vocab.unknown = -1;
  const auto made = make_tokenizer(vocab);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("unknown_token_id"));
}

}  // namespace
}  // namespace phios
