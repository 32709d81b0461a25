#include "drivers/model/native/tokenizer/pretokenizer.h"

#include <gmock/gmock.h>

#include <string>

namespace phios {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(const char* name, std::string_view text) {
  const auto pretokenizer = Pretokenizer::make(name);
  EXPECT_TRUE(pretokenizer) << name;
  std::vector<std::string_view> pieces;
  pretokenizer->split(text, pieces);
  return {pieces.begin(), pieces.end()};
}

TEST(Pretokenizer, Gpt2) {
  EXPECT_THAT(
      split("gpt-2", "Hello, y'all!  I've 123 men\n\n x"),
      ElementsAre("Hello", ",", " y", "'", "all", "!", " ", " I", "'ve", " 123", " men", "\n\n", " x"));
  EXPECT_THAT(split("gpt-2", "a   "), ElementsAre("a", "   "));
  EXPECT_THAT(split("gpt-2", "naïve Ελλάδα"), ElementsAre("naïve", " Ελλάδα"));
}

TEST(Pretokenizer, Llama3) {
  EXPECT_THAT(split("llama-bpe", "I'VE 12345 (ok)\n\n  x"),
              ElementsAre("I", "'VE", " ", "123", "45", " (", "ok", ")\n\n", " ", " x"));
  EXPECT_THAT(split("llama-bpe", "\tfoo \n bar"), ElementsAre("\tfoo", " \n", " bar"));
}

TEST(Pretokenizer, Qwen2TakesDigitsOneByOne) {
  EXPECT_THAT(split("qwen2", "x 123"), ElementsAre("x", " ", "1", "2", "3"));
}

TEST(Pretokenizer, StarcoderTakesDigitsOutFirst) {
  EXPECT_THAT(split("starcoder", "a 12b"), ElementsAre("a", " ", "1", "2", "b"));
}

TEST(Pretokenizer, Falcon) {
  EXPECT_THAT(split("falcon", "a+b, 1234567"), ElementsAre("a", "+", "b", ",", " ", "123", "456", "7"));
}

// Its third rule takes ASCII's letters along with the marks around them, out of what the second found.
TEST(Pretokenizer, DeepSeekLlm) {
  EXPECT_THAT(
      split("deepseek-llm", "Hi 2024, naïve!\r\n 中文 ok  "),
      ElementsAre("Hi", " ", "2024", ",", " na", "ï", "ve", "!", "\r", "\n", " ", "中文", " ok", "  "));
  EXPECT_THAT(split("deepseek-llm", "x «a» ～b"), ElementsAre("x", " «", "a", "»", " ～", "b"));
}

TEST(Pretokenizer, DeepSeekCoder) {
  EXPECT_THAT(split("deepseek-coder", "if (x1 == 23)\n\tend"),
              ElementsAre("if", " (", "x", "1", " == ", "2", "3", ")", "\n", "\tend"));
}

TEST(Pretokenizer, DeepSeekV3) {
  EXPECT_THAT(split("deepseek-v3", "a.b 12345 日本_x"),
              ElementsAre("a", ".b", " ", "123", "45", " ", "日本", "_x"));
}

TEST(Pretokenizer, TekkenAndGpt4oCutAtTheCase) {
  EXPECT_THAT(split("tekken", "HelloWorld it's 12/\n"),
              ElementsAre("Hello", "World", " it", "'s", " ", "1", "2", "/\n"));
  EXPECT_THAT(split("gpt-4o", "HelloWorld it's 1234/\n"),
              ElementsAre("Hello", "World", " it's", " ", "123", "4", "/\n"));
}

TEST(Pretokenizer, BloomAndViking) {
  EXPECT_THAT(split("poro-chat", "Hei, maailma (2024)."),
              ElementsAre("Hei", ",", " maailma", " (", "2024", ")."));
  EXPECT_THAT(split("viking", "a 12"), ElementsAre("a", " ", "1", "2"));
}

TEST(Pretokenizer, CommandRIsStarcoderAndDefaultTakesThreeDigits) {
  EXPECT_THAT(split("command-r", "a 12b"), ElementsAre("a", " ", "1", "2", "b"));
  EXPECT_THAT(split("default", "a+b 12345"), ElementsAre("a", "+", "b", " ", "123", "45"));
  EXPECT_THAT(split("mpt", "I'm 12"), ElementsAre("I", "'m", " 12"));
}

TEST(Pretokenizer, StrayBytesStandAlone) {
  EXPECT_THAT(split("gpt-2", "ab\xff\xc3 c\xed\xa0\x80"),
              ElementsAre("ab", "\xff", "\xc3", " c", "\xed", "\xa0", "\x80"));
}

TEST(Pretokenizer, UnknownNamesAreRefused) {
  const auto made = Pretokenizer::make("no such");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::EINVAL_);
  EXPECT_THAT(made.error().message, ::testing::HasSubstr("gpt-2"));
}

}  // namespace
}  // namespace phios
