#include "syscalls/codec/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "syscalls/codec/text.h"
#include "tests/unit/syscalls/codec/random_call.h"

namespace phios {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const Grammar> grammar(GrammarSpec spec) {
  auto result = Grammar::compile(spec);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *result : nullptr;
}

GrammarSpec with_rights(std::vector<std::string> rights) {
  return {.rights = *RightSet::parse(rights), .labels = {}, .form = {}};
}

GrammarSpec with_form(std::vector<std::string> form, std::vector<std::string> labels = {}) {
  return {.rights = RightSet::all(), .labels = std::move(labels), .form = std::move(form)};
}

Grammar::State walk(const Grammar& g, std::string_view text, uint32_t frame = 0) {
  Grammar::State state = g.start(frame);
  for (const char c : text) {
    state = g.next(state, static_cast<uint8_t>(c));
    if (state == Grammar::kDead) break;
  }
  return state;
}

bool admits(const Grammar& g, std::string_view text, uint32_t frame = 0) {
  const Grammar::State state = walk(g, text, frame);
  return state != Grammar::kDead && g.accepting(state);
}

TEST(Grammar, AdmitsEveryPrintedCall) {
  const auto g = grammar({.rights = RightSet::all(), .labels = {"loop", "A_9-z"}, .form = {}});
  testing::Random random(11);
  for (int i = 0; i < 20'000; ++i) {
    const Call call = testing::random_call(random);
    bool long_int = false;  // the grammar stops at 18 digits
    for (size_t k = 0; k < call.args.size(); ++k) {
      const ArgType type = call.spec->args[k].type;
      if (type == ArgType::kInt && call.has(k) && call.arg(k).size() > 18) long_int = true;
    }
    EXPECT_TRUE(long_int || admits(*g, print_call(call))) << print_call(call);
  }
}

TEST(Grammar, AdmitsNothingElse) {
  const auto g = grammar({.rights = RightSet::all(), .labels = {"loop"}, .form = {}});
  for (const char* frame : {"",
                            "FROB",
                            "READ",
                            "READ ",
                            "READ n ",
                            "READ n m",
                            "READ  n",
                            " READ n",
                            "read n",
                            "READ a=b",
                            "READ \"a",
                            "READ a\"",
                            "JUMP nowhere",
                            "JUMP",
                            "ADD n x",
                            "ADD n 1.5",
                            "SLEEP 1234567890123456789",
                            "READ \"<|\"",
                            "READ \"<<|\"",
                            "READ \"\\x\"",
                            "READ \"\\u0000\"",
                            "READ \"\\ud800\"",
                            "READ \"\\udc00\"",
                            "READ \"\\ud800\\u0041\"",
                            "READ \"\xc0\xaf\"",
                            "READ \"\xed\xa0\x80\"",
                            "READ \"\xf4\x90\x80\x80\"",
                            "READ \"\xe9\"",
                            "READ \"\n\"",
                            "proc_list",
                            "RECV ms=1 from=a"})
    EXPECT_FALSE(admits(*g, frame)) << frame;
  for (const char* frame :
       {"READ \"<\"", "READ \"<a|\"", "READ \"<\\u007c\"", "READ \"\\u003c|\"", "READ \"é漢😀\"", "EXIT",
        "READ \"\\ud83d\\ude00\"", "RECV from=a ms=1", "SPAWN p a b c", "JUMP loop if=n", "WAIT any",
        "READ \"\x7f\"", "EXIT \"\"", "READ \"\\uD7ff\\uE000\\u0001\\u0010\\u0100\""})
    EXPECT_TRUE(admits(*g, frame)) << frame;
}

TEST(Grammar, HasOnlyWhatTheRightsPermit) {
  const auto g = grammar(
      with_rights({"drv:tool:calc", "mem:write:tmp*", "mem:read", "drv:retrieve:wiki", "proc:spawn:a b"}));
  EXPECT_TRUE(admits(*g, "TOOL calc \"1 + 1\""));
  EXPECT_FALSE(admits(*g, "TOOL calc2"));
  EXPECT_FALSE(admits(*g, "TOOL cal"));
  EXPECT_FALSE(admits(*g, "TOOLS x"));
  EXPECT_TRUE(admits(*g, "WRITE tmp x"));
  EXPECT_TRUE(admits(*g, "WRITE tmp1 x"));
  EXPECT_TRUE(admits(*g, "WRITE \"tmp 1\" x"));
  EXPECT_FALSE(admits(*g, "WRITE tm x"));
  EXPECT_TRUE(admits(*g, "READ x"));
  EXPECT_TRUE(admits(*g, "SPAWN \"a b\""));
  EXPECT_FALSE(admits(*g, "SPAWN a"));
  EXPECT_FALSE(admits(*g, "RETRIEVE q"));
  EXPECT_FALSE(admits(*g, "RETRIEVE q k=2"));
  EXPECT_TRUE(admits(*g, "RETRIEVE q in=wiki"));
  EXPECT_TRUE(admits(*g, "RETRIEVE q k=2 in=wiki"));
  EXPECT_FALSE(admits(*g, "PRINT x"));
  EXPECT_FALSE(admits(*g, "JUMP a"));
  EXPECT_TRUE(admits(*g, "EXIT 1"));
}

TEST(Grammar, KnowsTheShortestCompletion) {
  const auto g = grammar({.rights = RightSet::all(), .labels = {"loop"}, .form = {}});
  for (const char* begun : {"", "W", "RETRIEVE \"a", "READ \"\xf0", "READ \"\\ud83d\\u",
                            "RETRIEVE a in=", "JUMP l", "SOLVE a \"<"}) {
    const Grammar::State state = walk(*g, begun);
    ASSERT_NE(state, Grammar::kDead) << begun;
    const std::string completion = g->completion(state);
    EXPECT_EQ(completion.size(), g->shortest(state));
    EXPECT_TRUE(admits(*g, begun + completion)) << begun << completion;
    EXPECT_TRUE(parse_call(begun + completion)) << begun << completion;
  }
  EXPECT_EQ(g->completion(walk(*g, "RETRIEVE a in=")).size(), 1u);
}

TEST(Grammar, KnowsWhatIsForced) {
  const auto g = grammar({.rights = RightSet::none(), .labels = {"loop", "lost"}, .form = {}});
  EXPECT_EQ(g->forced(walk(*g, "EX")), "IT");
  EXPECT_EQ(g->forced(walk(*g, "J")), "UMP lo");
  EXPECT_EQ(g->forced(walk(*g, "JUMP lo")), "");
  EXPECT_EQ(g->forced(walk(*g, "JUMP los")), "t");
  EXPECT_EQ(g->forced(walk(*g, "JUMP lost ")), "if=");
  EXPECT_TRUE(g->complete(walk(*g, "YIELD")));
  EXPECT_FALSE(g->complete(walk(*g, "EXIT")));
}

TEST(Form, IsFollowedFrameByFrame) {
  const auto g = grammar(with_form({"WRITE @i (0|1)", "ADD i (1|-1|0)", "JUMP {label}"}, {"A", "halt"}));
  ASSERT_EQ(g->frames(), 3u);
  EXPECT_FALSE(g->repeats_last());
  EXPECT_FALSE(g->free_text());
  EXPECT_EQ(g->forced(g->start(0)), "WRITE @i ");
  EXPECT_TRUE(admits(*g, "WRITE @i 1", 0));
  EXPECT_FALSE(admits(*g, "WRITE @i 2", 0));
  EXPECT_TRUE(admits(*g, "ADD i -1", 1));
  EXPECT_TRUE(admits(*g, "JUMP halt", 2));
  EXPECT_FALSE(admits(*g, "JUMP B", 2));
  EXPECT_TRUE(grammar(with_form({"READ n", "* PRINT {str}"}))->repeats_last());
}

std::string form_error(GrammarSpec spec) {
  const auto result = Grammar::compile(spec);
  return result ? "no error" : std::string(error_name(result.error().code)) + " " + result.error().message;
}

TEST(Form, MustBeLegalFrames) {
  EXPECT_EQ(
      form_error(with_form({"READ n", "EXITT {str}"})),
      "EPARSE form 2: admits \"EXITT \\\"\\\"\", which is no frame: column 1: EXITT: no call of that name");
  EXPECT_THAT(form_error(with_form({"(READ n|READ)"})),
              HasSubstr("form 1: admits \"READ\", which is no frame: column 5"));
  EXPECT_THAT(form_error(with_form({"JUMP c"}, {"a", "b"})), HasSubstr("labels are those of the program"));
  EXPECT_THAT(form_error(with_form({"EXIT \"<\\|\""})), HasSubstr("must be written"));
  EXPECT_THAT(form_error(with_form({"EXIT \"[a-z<|]*\""})), HasSubstr("EPARSE form 1"));
  EXPECT_THAT(form_error(with_form({"* READ n", "EXIT"})), HasSubstr("only the last frame may repeat"));
  EXPECT_THAT(form_error(with_form({"READ (n"})), HasSubstr("EPARSE form 1: column 8"));
  EXPECT_THAT(form_error(with_form({""})), HasSubstr("EPARSE form 1"));
  EXPECT_THAT(form_error(with_form({"EXIT \"(a{256}){9}\""})), HasSubstr("ETOOBIG"));
  EXPECT_THAT(form_error(with_form({"EXIT"}, {"a b"})), HasSubstr("label \"a b\""));
  EXPECT_THAT(form_error(with_form(std::vector<std::string>(65, "EXIT"))), HasSubstr("ETOOBIG"));
}

TEST(Form, IsCutToTheRights) {
  GrammarSpec spec = with_form({"(READ a|WRITE a {str}|TOOL {bare} {str})"});
  spec.rights = *RightSet::parse({"mem:read", "drv:tool:calc"});
  const auto g = grammar(spec);
  EXPECT_TRUE(admits(*g, "READ a"));
  EXPECT_FALSE(admits(*g, "WRITE a \"x\""));
  EXPECT_TRUE(admits(*g, "TOOL calc \"x\""));
  EXPECT_FALSE(admits(*g, "TOOL cal \"x\""));
  spec.form = {"WRITE a {str}"};
  EXPECT_EQ(form_error(spec), "EPERM form 1: \"WRITE a \\\"\\\"\" needs the right mem:write:a");
}

TEST(Grammar, EqualSpecsShareOne) {
  const GrammarSpec spec = {.rights = RightSet::all(), .labels = {"a", "b"}, .form = {}};
  const auto first = grammar(spec);
  EXPECT_EQ(grammar(spec), first);
  GrammarSpec other = spec;
  other.labels = {"ab"};
  EXPECT_NE(grammar(other), first);
  EXPECT_NE(grammar(other)->id(), first->id());
  other = spec;
  other.free_text = false;
  EXPECT_NE(grammar(other), first);
}

}  // namespace
}  // namespace phios
