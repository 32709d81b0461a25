#include "syscalls/codec/automaton.h"

#include <gtest/gtest.h>

#include <random>
#include <regex>

#include "syscalls/codec/frames.h"

namespace phios {
namespace {

Automaton automaton(std::string_view form) {
  RegexPool pool;
  const Result<RegexId> root = parse_form(pool, form, {});
  EXPECT_TRUE(root) << form << ": " << (root ? "" : root.error().message);
  return *compile_regex(pool, *root);
}

bool matches(const Automaton& a, std::string_view text) {
  const uint32_t state = a.walk(a.start, text);
  return state != Automaton::kDead && a.accepting[state];
}

TEST(Automaton, AgreesWithStdRegex) {
  std::mt19937_64 random(3);
  for (const char* form : {"a", "a*", "(a|b)*abb", "a{2,4}", "a{3}", "a{2,}b?", "(ab|a)(bc|c)?", "[a-c]+c",
                           "((a|b)(a|c))*", "a?a?a?aaa", "(a*b)*|c", "(ab){1,2}(ba)*"}) {
    const Automaton a = automaton(form);
    const std::regex oracle(form);
    for (int i = 0; i < 500; ++i) {
      std::string text;
      for (uint64_t n = random() % 8; n > 0; --n) text.push_back("abc"[random() % 3]);
      EXPECT_EQ(matches(a, text), std::regex_match(text, oracle)) << form << " on " << text;
    }
  }
}

TEST(Automaton, IsMinimal) {
  EXPECT_EQ(automaton("(a|b)*abb").size(), 4u);
  EXPECT_EQ(automaton("(abc|bbc|cbc)").size(), 4u);
  EXPECT_EQ(automaton("a*a*a*").size(), 1u);
  EXPECT_EQ(automaton("(a|b)*a(a|b){5}").size(), 64u);
}

TEST(Automaton, IntersectsAndFindsTheShortestDifference) {
  const Automaton a = automaton("[ab]*");
  const Automaton b = automaton("a*b?");
  const Automaton both = *intersect(a, b);
  EXPECT_TRUE(matches(both, "aab"));
  EXPECT_FALSE(matches(both, "ba"));
  EXPECT_EQ(shortest_difference(a, b), "ba");
  EXPECT_EQ(shortest_difference(b, a), std::nullopt);
  EXPECT_EQ(shortest_difference(b, Automaton{}), "");
  EXPECT_EQ(intersect(automaton("a+"), automaton("b+"))->start, Automaton::kDead);
  EXPECT_EQ(shortest_text(automaton("(abc|ab)d")), "abd");
}

TEST(Automaton, TooLargeOnesAreRefused) {
  for (const char* form : {"(a|b)*a(a|b){17}", "((a{256}){256}){256}"}) {
    RegexPool pool;
    const RegexId root = *parse_form(pool, form, {});
    EXPECT_EQ(compile_regex(pool, root).error().code, ErrorCode::ETOOBIG_) << form;
  }
}

std::string form_error(std::string_view form) {
  RegexPool pool;
  const Result<RegexId> root = parse_form(pool, form, {});
  return root ? "no error" : root.error().message;
}

TEST(ParseForm, SaysInWhichColumnItFails) {
  EXPECT_EQ(form_error("(a"), "column 3: \")\" expected");
  EXPECT_EQ(form_error("a)"), "column 2: a \")\" without its \"(\"");
  EXPECT_EQ(form_error("*a"), "column 1: \"*\" has nothing before it; write \"\\*\" for the character");
  EXPECT_EQ(form_error("a**"), "column 3: \"*\" has nothing before it; write \"\\*\" for the character");
  EXPECT_EQ(form_error("a{2"), "column 4: \"}\" expected");
  EXPECT_EQ(form_error("a{999}"), "column 3: a count from 0 to 256 expected");
  EXPECT_EQ(form_error("a{3,2}"), "column 7: the second count is less than the first");
  EXPECT_EQ(form_error("[a"), "column 3: \"]\" expected");
  EXPECT_EQ(form_error("[]"), "column 3: the class is empty");
  EXPECT_EQ(form_error("[z-a]"), "column 5: the range ends before it begins");
  EXPECT_EQ(form_error("[^a]"), "column 2: a class cannot be negated; list what it admits");
  EXPECT_EQ(form_error("\\n"), "column 2: after \"\\\" one of []{}()|*+?\\ expected");
  EXPECT_EQ(form_error("{label}"), "column 1: {label}: the program has no labels");
  EXPECT_EQ(
      form_error("{words}"),
      "column 1: {word}, {bare}, {str}, {int}, {label} or a count expected; write \"\\{\" for the character");
  EXPECT_EQ(form_error("\xff"), "column 1: not UTF-8");
  EXPECT_EQ(form_error(std::string(40, '(')), "column 34: too many \"(\" inside each other");
}

}  // namespace
}  // namespace phios
