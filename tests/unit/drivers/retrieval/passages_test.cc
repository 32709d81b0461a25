#include "drivers/retrieval/passages.h"

#include <gtest/gtest.h>

#include "drivers/api/fts.h"
#include "drivers/api/utf8.h"

namespace phios {
namespace {

using Texts = std::vector<std::string>;

TEST(Passages, ShortTextIsOne) {
  EXPECT_EQ(cut_passages("", " One.\nTwo  three. ").texts, Texts{"One. Two three."});
  EXPECT_EQ(cut_passages("", "First.\n\nSecond.").texts, Texts{"First. Second."});
  EXPECT_EQ(cut_passages("", " \n\n ").texts, Texts{});
}

TEST(Passages, CutsAtSentenceEndsAndParagraphs) {
  std::string text;
  for (int i = 0; i < 30; ++i)
    text += "This is sentence number " + std::to_string(i) + " of J. R. Smith et al. today. ";
  const Passages passages = cut_passages("A title", text);
  ASSERT_GT(passages.texts.size(), 2u);
  std::string joined;
  for (const std::string& passage : passages.texts) {
    EXPECT_LE(passage_text(passages.title, passage).size(), kPassageBytes);
    EXPECT_TRUE(passage.starts_with("This is sentence number ")) << passage;
    EXPECT_TRUE(passage.ends_with(" today.")) << passage;
    joined += passage + " ";
  }
  EXPECT_EQ(joined, text);

  const std::string long_paragraph(400, 'a');
  EXPECT_EQ(cut_passages("", long_paragraph + "\n\n" + long_paragraph).texts,
            (Texts{long_paragraph, long_paragraph}));
}

TEST(Passages, LongSentencesAreCutBetweenWordsAndCharacters) {
  std::string words;
  while (words.size() < 3000) words += "word ";
  for (const std::string& passage : cut_passages("", words).texts) {
    EXPECT_LE(passage.size(), kPassageBytes);
    EXPECT_TRUE(passage.ends_with("word"));
  }
  std::string letters;
  while (letters.size() < 3000) letters += "é";
  for (const std::string& passage : cut_passages("x", letters).texts) {
    EXPECT_LE(passage.size(), kPassageBytes);
    EXPECT_EQ(find_bad_utf8(passage), std::string::npos);
  }
}

TEST(Passages, TheTitleIsGivenOrAHeading) {
  EXPECT_EQ(cut_passages("", "\n# Oslo  city\n\nCapital of Norway.").title, "Oslo city");
  EXPECT_EQ(cut_passages("", "# Oslo\nCapital of Norway.").texts, Texts{"Capital of Norway."});
  EXPECT_EQ(cut_passages("Norway", "# Oslo\nCapital.").texts, Texts{"# Oslo Capital."});
  EXPECT_EQ(cut_passages("", "#hashtag first").title, "");
  EXPECT_EQ(cut_passages("", "# Only a title").texts, Texts{""});
  EXPECT_EQ(passage_text("Oslo", "Capital."), "Oslo: Capital.");
  EXPECT_EQ(passage_text("", "Capital."), "Capital.");
  EXPECT_EQ(passage_text("Oslo", ""), "Oslo");
  const Passages passages = cut_passages(std::string(5000, 't'), std::string(1000, 'x'));
  EXPECT_EQ(passages.title.size(), 255u);
}

TEST(FtsQuery, IsWordsAndNeverSyntax) {
  using sqlite::match_expression;
  using sqlite::query_words;
  EXPECT_EQ(query_words("What is George Rankin's occupation?"), (Texts{"george", "rankin", "occupation"}));
  EXPECT_EQ(query_words("to be or not to be"), (Texts{"not"}));
  EXPECT_EQ(query_words("The Who"), (Texts{"the", "who"}));
  EXPECT_EQ(query_words("\"x\" NEAR(y) col:z* ^"), (Texts{"x", "near", "y", "col", "z"}));
  EXPECT_EQ(query_words(std::string(10'000, ' ') + "Größe"), (Texts{"größe"}));
  EXPECT_EQ(match_expression({"a", "b"}), "\"a\" OR \"a b\" OR \"b\"");
  EXPECT_EQ(match_expression({}), "");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "w" + std::to_string(i) + " ";
  EXPECT_EQ(query_words(many).size(), sqlite::kQueryWordsMax);
}

}  // namespace
}  // namespace phios
