#include "syscalls/codec/operands.h"

#include <gmock/gmock.h>

#include "syscalls/codec/grammar.h"

namespace phios {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

Operands operands_of(std::string_view text) {
  Operands words;
  EXPECT_TRUE(add_operands(text, words));
  return words;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const auto& [word, count] : operands_of(text)) words.push_back(word);
  return words;
}

TEST(Operands, WordsStandWithAndWithoutThePunctuationAroundThem) {
  EXPECT_THAT(words_of("Set n to -3."), UnorderedElementsAre("Set", "n", "to", "-3", "3"));
  EXPECT_THAT(words_of("/shm/a++, @p"), UnorderedElementsAre("/shm/a", "shm/a", "@p"));
  EXPECT_THAT(words_of("n-- += -4 --"), UnorderedElementsAre("n", "+", "-4", "4", "--"));
  EXPECT_THAT(words_of("/mem/a/."), UnorderedElementsAre("/mem/a/", "/mem/a", "mem/a"));
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
  EXPECT_THAT(integer_operands({{"n", 1}, {"-3", 1}, {"12", 1}, {"4x", 1}}, 18),
              UnorderedElementsAre("1", "-1", "3", "-3", "12", "-12"));
  EXPECT_THAT(integer_operands({{"1234567890123456789", 1}}, 18), ElementsAre("-1", "1"));
  EXPECT_THAT(integer_operands({{"1234567890123456789", 1}}, 0), ::testing::Contains("1234567890123456789"));
}

TEST(Operands, TooManyWordsAreAnErrorThatSaysWhatToDo) {
  std::string text;
  for (size_t i = 0; i <= kOperandsMax; ++i) text += "w" + std::to_string(i) + " ";
  Operands words;
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
  spec.operands = operands_of("Write \"two words\" to n, add 5 to m, go to loop.");
  for (const char* frame :
       {"WRITE n \"two words\"", "ADD m 5", "ADD m -5", "ADD n 1", "READ m", "EXIT", "JUMP loop",
        "JUMP loop if=n", "TOOL calc \"2 + 2\"", "RETRIEVE anything k=5", "WAIT any", "WAIT 5"})
    EXPECT_TRUE(admits(spec, frame)) << frame;
  for (const char* frame :
       {"WRITE x 5", "WRITE n \"two\"", "ADD m 6", "READ k", "JUMP lost", "EXIT 7", "WAIT 6"})
    EXPECT_FALSE(admits(spec, frame)) << frame;
}

TEST(Operands, WordsAreCountedOncePerPlace) {
  EXPECT_EQ(operands_of("n. n, n++ x").at("n"), 3u);
  EXPECT_FALSE(operands_of("n. n, n++ x").contains("n."));
  EXPECT_EQ(operands_of("\"a b\" \"a b\"").at("\"a b\""), 2u);
}

TEST(Operands, AWordThatStandsOnceIsNotTakenTwiceInARow) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {"hop", "up"}, .form = {}};
  spec.operands = operands_of("Change c from old to olde, 5; twice twice; jump hop, up, up, add 5 6");
  EXPECT_TRUE(admits(spec, "CAS c old olde"));
  EXPECT_TRUE(admits(spec, "CAS c olde old"));
  EXPECT_TRUE(admits(spec, "CAS c old c"));
  EXPECT_TRUE(admits(spec, "CAS c twice twice"));
  EXPECT_TRUE(admits(spec, "ADD 5 5"));
  EXPECT_TRUE(admits(spec, "ADD 6 -6"));
  EXPECT_TRUE(admits(spec, "JUMP up if=c"));
  EXPECT_FALSE(admits(spec, "CAS c old old"));
  EXPECT_FALSE(admits(spec, "CAS c c old"));
  EXPECT_FALSE(admits(spec, "ADD 6 6"));
  EXPECT_FALSE(admits(spec, "MOV olde olde"));
  EXPECT_FALSE(admits(spec, "SPAWN c old old"));
  EXPECT_TRUE(admits(spec, "SPAWN c old olde old"));
  spec.operands = operands_of("hop if c");
  EXPECT_TRUE(admits(spec, "JUMP hop if=c"));
  EXPECT_FALSE(admits(spec, "JUMP hop if=hop"));
}

TEST(Operands, NoDeadEndIsLeftWhereTheOnlyWordIsTaken) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {}, .form = {}};
  spec.operands = operands_of("x");
  EXPECT_TRUE(admits(spec, "READ x"));
  const auto grammar = Grammar::compile(spec);
  ASSERT_TRUE(grammar);
  EXPECT_EQ((*grammar)->next((*grammar)->start(0), 'M'), Grammar::kDead);  // MOV needs two
}

TEST(Operands, AStopWordMustStandInQuotes) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {"to", "start"}, .form = {}};
  spec.operands = operands_of("Copy x into \"to\", then go to start.");
  EXPECT_TRUE(admits(spec, "COPY \"to\" x"));
  EXPECT_FALSE(admits(spec, "COPY to x"));
  EXPECT_FALSE(admits(spec, "COPY into x"));
  EXPECT_TRUE(admits(spec, "JUMP start if=x"));
  EXPECT_TRUE(admits(spec, "JUMP to"));  // labels are the program's own
  EXPECT_TRUE(is_stop_word("the"));
  EXPECT_FALSE(is_stop_word("The"));
  EXPECT_FALSE(is_stop_word("counter"));
}

TEST(Operands, ALabelMustBeNamed) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {"loop", "end", "again"}, .form = {}};
  spec.operands = operands_of("Go to loop, or to \"end\".");
  EXPECT_TRUE(admits(spec, "JUMP loop"));
  EXPECT_TRUE(admits(spec, "JUMP end"));
  EXPECT_FALSE(admits(spec, "JUMP again"));
}

TEST(Operands, WithoutWordsOnlyFramesThatNeedNoneAreLeft) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {"loop"}, .form = {}};
  spec.operands.emplace();
  EXPECT_TRUE(admits(spec, "EXIT"));
  EXPECT_TRUE(admits(spec, "FORK 1"));
  const auto grammar = Grammar::compile(spec);
  ASSERT_TRUE(grammar);
  EXPECT_EQ((*grammar)->next((*grammar)->start(0), 'J'), Grammar::kDead);  // no dead end is begun
}

TEST(Operands, ScopesOfRightsHoldForThem) {
  GrammarSpec spec{.rights = *RightSet::parse({"mem:read:t*"}), .labels = {}, .form = {}};
  spec.operands = operands_of("tape t2 secret");
  EXPECT_TRUE(admits(spec, "READ tape"));
  EXPECT_TRUE(admits(spec, "READ t2"));
  EXPECT_FALSE(admits(spec, "READ secret"));
  EXPECT_FALSE(admits(spec, "READ t3"));
}

TEST(Operands, AFormAndOperandsExcludeEachOther) {
  GrammarSpec spec{.rights = RightSet::all(), .labels = {}, .form = {"EXIT yes"}};
  spec.operands = operands_of("yes");
  EXPECT_FALSE(Grammar::compile(spec));
}

}  // namespace
}  // namespace phios
