#include "syscalls/codec/operands.h"

#include <gmock/gmock.h>

#include "syscalls/codec/grammar.h"

namespace phios {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  EXPECT_TRUE(add_operands(text, words));
  return words;
}

TEST(Operands, WordsStandWithAndWithoutThePunctuationAroundThem) {
  EXPECT_THAT(words_of("Set n to -3."), UnorderedElementsAre("Set", "n", "to", "-3.", "-3", "3"));
  EXPECT_THAT(words_of("/shm/a++, @p"), UnorderedElementsAre("/shm/a++", "/shm/a", "shm/a", "@p"));
  EXPECT_THAT(words_of("/mem/a/."), UnorderedElementsAre("/mem/a/.", "/mem/a/", "/mem/a", "mem/a"));
  EXPECT_THAT(words_of("... = %"), UnorderedElementsAre("..."));
}

TEST(Operands, AStringIsOneWordAsAFrameWritesIt) {
  EXPECT_THAT(words_of(R"(Put "a \u0062 c" in x.)"), IsSupersetOf({"\"a b c\"", "x"}));
  EXPECT_THAT(words_of(R"(Put "a \u0062 c" in x.)"), ::testing::Not(::testing::Contains("c")));
  EXPECT_THAT(words_of("say \"<|phi_sys|>\""),
              UnorderedElementsAre("say", "phi_sys"));  // no frame has that string
  EXPECT_THAT(words_of("an open \"quote here"), IsSupersetOf({"an", "open", "quote", "here"}));
}

TEST(Operands, IntegersTakeEitherSignAndOneIsAlwaysThere) {
  EXPECT_THAT(integer_operands({"n", "-3", "12", "4x"}, 18),
              UnorderedElementsAre("1", "-1", "3", "-3", "12", "-12"));
  EXPECT_THAT(integer_operands({"1234567890123456789"}, 18), ElementsAre("-1", "1"));
  EXPECT_THAT(integer_operands({"1234567890123456789"}, 0), ::testing::Contains("1234567890123456789"));
}

TEST(Operands, TooManyWordsAreAnErrorThatSaysWhatToDo) {
  std::string text;
  for (size_t i = 0; i <= kOperandsMax; ++i) text += "w" + std::to_string(i) + " ";
  std::set<std::string> words;
  const Status added = add_operands(text, words);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::ETOOBIG_);
  EXPECT_THAT(added.error().message, HasSubstr("shorten the section"));
}

bool admits(const GrammarSpec& spec, std::string_view frame) {
  const auto grammar = Grammar::compile(spec);
  if (!grammar) return false;
  Grammar::State state = (*grammar)->start(0);
  for (const char c : frame) {
    if (state == Grammar::kDead) return false;
    state = (*grammar)->next(state, static_cast<uint8_t>(c));
  }
  return state != Grammar::kDead && (*grammar)->accepting(state);
}

TEST(Operands, AFrameTakesNoOtherWords) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {"loop"}, .form = {}};
  spec.operands = words_of("Write \"two words\" to n, add 5 to m.");
  for (const char* frame :
       {"WRITE n \"two words\"", "ADD m 5", "ADD m -5", "ADD n 1", "READ m", "EXIT", "JUMP loop",
        "JUMP loop if=n", "TOOL calc \"2 + 2\"", "RETRIEVE anything k=5", "WAIT any", "WAIT 5"})
    EXPECT_TRUE(admits(spec, frame)) << frame;
  for (const char* frame :
       {"WRITE x 5", "WRITE n \"two\"", "ADD m 6", "READ k", "JUMP lost", "EXIT 7", "WAIT 6"})
    EXPECT_FALSE(admits(spec, frame)) << frame;
}

TEST(Operands, ScopesOfRightsHoldForThem) {
  GrammarSpec spec{.rights = *RightSet::parse({"mem:read:t*"}), .labels = {}, .form = {}};
  spec.operands = words_of("tape t2 secret");
  EXPECT_TRUE(admits(spec, "READ tape"));
  EXPECT_TRUE(admits(spec, "READ t2"));
  EXPECT_FALSE(admits(spec, "READ secret"));
  EXPECT_FALSE(admits(spec, "READ t3"));
}

TEST(Operands, AFormAndOperandsExcludeEachOther) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {}, .form = {"EXIT yes"}};
  spec.operands = words_of("yes");
  EXPECT_FALSE(Grammar::compile(spec));
}

}  // namespace
}  // namespace phios
