#include "drivers/solver/rules.h"

#include <gtest/gtest.h>

#include <string>

#include "drivers/solver/rules_parse.h"

namespace phios::rules {
namespace {

Result<Solution> ask(const std::string& program, const Budget& budget = {}) {
  static SystemEnv env(1);
  return solve(env, program, budget, {});
}

Verdict verdict(const std::string& program) {
  const auto solution = ask(program);
  EXPECT_TRUE(solution) << solution.error().message;
  return solution ? solution->verdict : Verdict::kUnknown;
}

std::string error(const std::string& program) {
  const auto solution = ask(program);
  return solution ? "no error"
                  : std::string(error_name(solution.error().code)) + " " + solution.error().message;
}

constexpr const char* kCat =
    "Predicates:\nEats($x, $y, bool) ::: does x eat y\n"
    "Facts:\nEats(Cat, Mouse, True) ::: the cat eats the mouse\nKind(Mouse, False)\n"
    "Rules:\nEats($x, $y, True) && Kind($y, False) >>> Eats($y, $x, True)\n"
    "Eats($x, Cat, True) >>> Brave($x, True) && Shy($x, False)\n";

TEST(Rules, FollowsChainsOverAtomsOfSeveralArguments) {
  EXPECT_EQ(verdict(std::string(kCat) + "Query:\nBrave(Mouse, True)\n"), Verdict::kTrue);
  EXPECT_EQ(verdict(std::string(kCat) + "Query:\nEats(Mouse, Cat, True)\n"), Verdict::kTrue);
  EXPECT_EQ(verdict(std::string(kCat) + "Query:\nShy(Mouse, True)\n"), Verdict::kFalse);
  EXPECT_EQ(verdict(std::string(kCat) + "Query:\nShy(Mouse, False)\n"), Verdict::kTrue);
  EXPECT_EQ(verdict(std::string(kCat) + "Query:\nBrave(Cat, True)\n"), Verdict::kUnknown);
}

TEST(Rules, NothingSaidIsNeverFalse) {
  EXPECT_EQ(
      verdict("Facts:\nBig(Bob, True)\nRules:\nKind($x, False) >>> Rude($x, True)\nQuery:\nRude(Bob, True)"),
      Verdict::kUnknown);
}

TEST(Rules, ShowsTheDerivation) {
  const auto solution = ask(std::string(kCat) + "Query:\nBrave(Mouse, True)\n");
  ASSERT_TRUE(solution);
  EXPECT_EQ(solution->detail,
            "Eats(Cat, Mouse, True)  [line 4]\nKind(Mouse, False)  [line 5]\n"
            "Eats(Mouse, Cat, True)  [line 7]\nBrave(Mouse, True)  [line 8]\n");
}

TEST(Rules, ReadsTheFormsThatPeopleAndModelsWrite) {
  // No Rules section; a line with >>> under Facts is a rule; no sections at all; what follows the end line.
  EXPECT_EQ(
      verdict("Facts:\nA(x, True)\nA($x, True) >>> B($x, True)\nQuery:\nB(x, True)\n------\nnonsense ("),
      Verdict::kTrue);
  EXPECT_EQ(verdict("A(x, True)\nA($x, True) >>> B($x, True)\nquery: B(x, True)"), Verdict::kTrue);
  // The value left out is True; negations; names with spaces, in other scripts; spellings of the values.
  EXPECT_EQ(verdict("Needs(Bald  Eagle, Tiger)\nQuery:\nNeeds(Bald Eagle, Tiger, True)"), Verdict::kTrue);
  EXPECT_EQ(verdict("!A(x, True)\nNot(B(x, True))\n~C(x)\n"
                    "A($x, False) && not B($x) && ¬C($x, true) >>> D($x, True)\nQuery: ¬D(x, false)"),
            Verdict::kTrue);
  EXPECT_EQ(verdict("Größe(Jürgen, True)\nQuery: Größe(Jürgen, False)"), Verdict::kFalse);
  EXPECT_EQ(verdict("A(x, True)\nB(x, True)\nA($x, True) ∧ B($x, True) >>> C($x, True)\nQuery: C(x, True)"),
            Verdict::kTrue);
}

TEST(Rules, AFactWithAVariableHoldsForEverythingNamed) {
  EXPECT_EQ(verdict("Likes($x, Tea, True)\nQuery: Likes(Ann, Tea, True)"), Verdict::kTrue);
  EXPECT_EQ(verdict("A(x, True)\nB(y, False)\nA(x, True) >>> B($z, True)\nQuery: B(x, True)"),
            Verdict::kTrue);
}

TEST(Rules, AContradictionAboutTheQueryIsUnknown) {
  const auto solution = ask("A(x, True)\nA(x, False)\nQuery: A(x, True)");
  ASSERT_TRUE(solution);
  EXPECT_EQ(solution->verdict, Verdict::kUnknown);
  EXPECT_TRUE(solution->detail.starts_with("the program contradicts itself"));
  EXPECT_EQ(verdict("A(x, True)\nA(x, False)\nB(x, True)\nQuery: B(x, True)"), Verdict::kTrue);
}

TEST(Rules, PredicatesOfDifferentArityAreDifferent) {
  EXPECT_EQ(verdict("A(x, y, True)\nQuery: A(x, True)"), Verdict::kUnknown);
}

TEST(Rules, ErrorsNameLineAndColumn) {
  EXPECT_EQ(error("Facts:\nA(x, True\nQuery:\nA(x, True)"), "EPARSE line 2, column 10: ',' or ')' expected");
  EXPECT_EQ(error("Facts:\nA(x, True) B(x, True)\n"),
            "EPARSE line 2, column 12: the end of the line, '&&' or '>>>' expected");
  EXPECT_EQ(error("Premises:\n∀x A(x)"),
            "EPARSE line 1, column 1: no section is called 'Premises': they are Predicates, Facts, Rules and "
            "Query");
  EXPECT_EQ(error("Facts:\nA(x, True)\n"), "EPARSE line 2, column 1: the program ends without a query");
  EXPECT_EQ(error("Query:\nA($x, True)\n"), "EPARSE line 2, column 12: a query has no variables");
  EXPECT_EQ(error("Query:\nA(x, True) >>> B(x, True)\n"), "EPARSE line 2, column 26: a query is one atom");
  EXPECT_EQ(error("Query:\nA(x)\nB(x)\n"), "EPARSE line 3, column 1: a second query: a program asks one");
  EXPECT_EQ(error("A(, True)"), "EPARSE line 1, column 3: a name or a $variable expected");
  EXPECT_EQ(error("A() >>> "), "EPARSE line 1, column 3: a name or a $variable expected");
  EXPECT_EQ(error(""), "EPARSE line 0, column 1: the program ends without a query");
  EXPECT_EQ(error(std::string(300000, 'a')).substr(0, 7), "ETOOBIG");
}

TEST(Rules, DeepNestingIsAnError) {
  const std::string deep(10000, '!');
  EXPECT_EQ(error(deep + "A(x)"), "EPARSE line 1, column 18: nested too deeply");
  EXPECT_EQ(error(std::string(10000, '(')), "EPARSE line 1, column 18: nested too deeply");
}

// n constants and a rule over v free variables: n^v facts.
std::string explosion(int constants) {
  std::string program;
  for (int i = 0; i < constants; ++i) program += "C(c" + std::to_string(i) + ", True)\n";
  return program + "C($a) && C($b) && C($c) && C($d) >>> P($a, $b, $c, $d)\nQuery: P(x, x, x, x)\n";
}

TEST(Rules, StopsAtItsBudgets) {
  auto solution = ask(explosion(40));
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(solution.error().message, "facts: 200000 derived, the solver's limit");

  solution = ask(explosion(40), Budget{.facts = 1'000'000'000, .joins = 100'000, .deadline = kNever});
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().message, "joins: 100000 made, the solver's limit");

  solution = ask(explosion(40), Budget{.facts = 1'000'000'000, .joins = 1'000'000'000, .deadline = 0});
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().code, ErrorCode::ETIMEDOUT_);

  static SystemEnv env(1);
  std::stop_source stop;
  stop.request_stop();
  solution = solve(env, explosion(40), {}, stop.get_token());
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().code, ErrorCode::EINTR_);
}

}  // namespace
}  // namespace phios::rules
