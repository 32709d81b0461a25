#include "userland/prompt/prompt_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/unit/userland/prompt/recorder.h"

namespace phios::prompt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

phi_prompt good(std::string_view text) {
  Loaded loaded = load_text(text);
  EXPECT_EQ(loaded.status, PHI_OK) << loaded.message;
  EXPECT_EQ(loaded.message, "");
  return loaded.prompt;
}

void expect_bad(std::string_view text, const std::string& place, const std::string& says) {
  const Loaded loaded = load_text(text);
  EXPECT_EQ(loaded.status, PHI_EPARSE_) << text;
  EXPECT_THAT(loaded.message, StartsWith("p.md:" + place + ": "));
  EXPECT_THAT(loaded.message, HasSubstr(says));
}

TEST(PromptLoader, NamesItsKind) {
  const phi_loader loader = phi_prompt_loader();
  EXPECT_STREQ(loader.kind, "prompt");
  EXPECT_STREQ(loader.suffix, ".md");
  EXPECT_EQ(loader.run, nullptr);
}

TEST(PromptLoader, CutsBaseAndSections) {
  const auto prompt =
      good("You are terse.\n\n# first\n\n  Say {{1}}. \t\n\n# second_2-B\nSay {{@i|no thing}}.\n# last\n");
  EXPECT_EQ(prompt.base, "You are terse.\n");
  EXPECT_THAT(prompt.sections, ElementsAre(Pair("first", "Say {{1}}.\n"),
                                           Pair("second_2-B", "Say {{@i|no thing}}.\n"), Pair("last", "")));
}

TEST(PromptLoader, TakesEveryKeyOfTheFrontMatter) {
  const auto prompt = good(
      "---\n"
      "# a comment\n"
      "rights: [mem:read, 'drv:tool:calc']\n"
      "limits: {tokens: 64, wall_ms: 1000}\n"
      "sampling:\n  temperature: 0.5\n  top_k: 4\n  top_p: .9\n  min_p: 0\n  seed: 7\n"
      "form: ['EXIT (yes|no)']\n"
      "stop: [\"\\n\", END]\n"
      "context: fresh\n"
      "free_text: false\n"
      "operands: section\n"
      "out_of_frames: fail\n"
      "---\nText\n");
  EXPECT_THAT(
      prompt.options,
      ElementsAre(Pair("right", "mem:read"), Pair("right", "drv:tool:calc"), Pair("limit", "tokens=64"),
                  Pair("limit", "wall_ms=1000"), Pair("temperature", "0.5"), Pair("top_k", "4"),
                  Pair("top_p", ".9"), Pair("min_p", "0"), Pair("seed", "7"), Pair("form", "EXIT (yes|no)"),
                  Pair("stop", "\n"), Pair("stop", "END"), Pair("context", "fresh"), Pair("free_text", "no"),
                  Pair("operands", "section"), Pair("out_of_frames", "fail")));
  EXPECT_EQ(prompt.base, "Text\n");
}

TEST(PromptLoader, AnEmptyListOfRightsIsNone) {
  EXPECT_THAT(good("---\nrights: []\n---\nx").options, ElementsAre(Pair("right", "")));
  EXPECT_THAT(good("---\nform: []\n---\nx").options, IsEmpty());
  EXPECT_THAT(good("---\n---\nx").options, IsEmpty());
  EXPECT_THAT(good("---\n# only a comment\n---\nx").options, IsEmpty());
}

TEST(PromptLoader, TextWithoutHeadingsIsTheBaseOfMain) {
  const auto prompt = good("Just text, ## no\n#label\n #  heading");
  EXPECT_EQ(prompt.base, "Just text, ## no\n#label\n #  heading\n");
  EXPECT_THAT(prompt.sections, ElementsAre(Pair("main", "")));
  for (const char* nothing : {"", " \n\t", "---\nrights: []\n---\n", "# a\n\n# b\n"})
    expect_bad(nothing, "1", "no text");
}

TEST(PromptLoader, AHeadingInAFenceIsText) {
  const auto prompt = good(
      "# a\n```python\n# comment\n````x\n~~~\n# still\n```\n# b\n~~~~\n# c\n~~~\n# d\n~~~~~\n# e\n```a`b\n# "
      "f\n");
  EXPECT_THAT(prompt.sections,
              ElementsAre(Pair("a", "```python\n# comment\n````x\n~~~\n# still\n```\n"),
                          Pair("b", "~~~~\n# c\n~~~\n# d\n~~~~~\n"), Pair("e", "```a`b\n"), Pair("f", "")));
}

TEST(PromptLoader, AFenceMayStayOpenToTheEnd) {
  EXPECT_THAT(good("# a\nComplete:\n```lua\n# b\n").sections,
              ElementsAre(Pair("a", "Complete:\n```lua\n# b\n")));
}

TEST(PromptLoader, LineEndsAndByteOrderMarkDoNotMatter) {
  const auto prompt = good("\xef\xbb\xbf---\r\nfree_text: yes\r\n---\r\nbase\r\n# a\r\none\rtwo\r\n\r\n");
  EXPECT_THAT(prompt.options, ElementsAre(Pair("free_text", "yes")));
  EXPECT_EQ(prompt.base, "base\n");
  EXPECT_THAT(prompt.sections, ElementsAre(Pair("a", "one\ntwo\n")));
}

TEST(PromptLoader, DashesLaterAreText) {
  EXPECT_EQ(good("a\n---\nrights: x\n---\n").base, "a\n---\nrights: x\n---\n");
  EXPECT_EQ(good("---\nstop: [a]\n---\n---\n").base, "---\n");
}

TEST(PromptLoader, FindsFaultsInLabels) {
  expect_bad("# a\n\n# a b\n", "3", "\"a b\" is not of the form");
  expect_bad("# \n", "1", "\"\" is not of the form");
  expect_bad("# ä\n", "1", "is not of the form");
  expect_bad("---\nstop: [x]\n---\n# a\nx\n# a\n", "6", "stands on line 4 already");
  expect_bad("# " + std::string(PHI_LABEL_MAX + 1, 'a'), "1", "65 bytes, at most 64");
  std::string many;
  for (int i = 0; i <= PHI_LABELS_MAX; ++i) many += "# s" + std::to_string(i) + "\n";
  expect_bad(many, "1025", "more than 1024 labels");
}

TEST(PromptLoader, FindsFaultsInPlaceholders) {
  expect_bad("a\nb {{c\n}}", "2", "without }}");
  expect_bad("# a\n{{}}", "2", "{{}} names no cell");
  expect_bad("{{@}}", "1", "names no cell");
  expect_bad("{{|x}}", "1", "names no cell");
  expect_bad("{{ a }}", "1", "no blanks");
  expect_bad("{{@@a}}", "1", "at most one @");
  expect_bad("{{{a}}}", "1", "holds a brace");
  expect_bad("{{a|{b}}}", "1", "holds a brace");
  expect_bad("```\n{{\n```", "2", "without }}");
  expect_bad("{{" + std::string(PHI_CELL_NAME_MAX + 1, 'a') + "}}", "1", "256 bytes");
  EXPECT_EQ(good("{{/mem/ü|a|b}} }} { {{user@host}}").base, "{{/mem/ü|a|b}} }} { {{user@host}}\n");
}

TEST(PromptLoader, FindsFaultsInTheFrontMatter) {
  expect_bad("---\nrights: []\n", "1", "no second ---");
  expect_bad("---\n\nright: []\n---\n", "3", "right: no such key of the front matter; known are rights,");
  expect_bad("---\nsampling: {top_k: 1, heat: 2}\n---\n", "2",
             "sampling: heat: no such key; known are temperature");
  expect_bad("---\nrights: mem:read\n---\n", "2", "a list is expected");
  expect_bad("---\nstop: [a]\nstop: [b]\n---\n", "3", "stop stands here twice");
  expect_bad("---\nlimits: [a]\n---\n", "2", "entries are expected");
  expect_bad("---\n- a\n---\n", "2", "entries are expected");
  expect_bad("---\nfree_text: maybe\n---\n", "2", "true or false, not maybe");
  expect_bad("---\nstop:\n  - a\n  - ''\n---\n", "4", "empty");
  expect_bad("---\nstop:\n  - a\n  - {b: c}\n---\n", "4", "a single value");
  expect_bad("---\nstop: [\"a\\0b\"]\n---\n", "2", "UTF-8 without NUL");
  expect_bad("---\nstop: [a\n---\n", "3", "front matter: ");
  expect_bad("---\ncontext: *nobody\n---\n", "2", "front matter: ");
  expect_bad("---\n" + std::string(70'000, '#') + "\n---\n", "1", "at most 65536");
  expect_bad("---\nstop: " + std::string(10'000, '[') + "\n---\n", "3", "nested too deeply");
}

TEST(PromptLoader, TellsWhatTheKernelRefuses) {
  const Loaded loaded =
      load_text("---\nstop: [x]\nsampling:\n  seed: 1\n  temperature: hot\n---\n", "temperature");
  EXPECT_EQ(loaded.status, PHI_EPARSE_);
  EXPECT_EQ(loaded.message, "p.md:5: sampling: temperature: hot is no value for it");
}

TEST(PromptLoader, FindsFaultsInBytes) {
  expect_bad("a\nb\xff", "2", "UTF-8");
  expect_bad(std::string("a\n\nb\0", 5), "3", "UTF-8");
  expect_bad("---\nstop: [\xc3]\n---\n", "2", "UTF-8");
  const Loaded big = load_text(std::string(PHI_PROGRAM_MAX + 1, 'a'));
  EXPECT_EQ(big.status, PHI_ETOOBIG_);
  EXPECT_EQ(big.message, "p.md:1: 1048577 bytes, at most 1048576");
}

TEST(PromptLoader, MessagesAreCutToTheBuffer) {
  EXPECT_EQ(load_text("# ää", "", 20).message, "p.md:1: the label \"");
  EXPECT_EQ(load_text("# ää", "", 21).message, "p.md:1: the label \"");
  EXPECT_EQ(load_text("# ää", "", 22).message, "p.md:1: the label \"ä");
  EXPECT_EQ(load_text("# ", "", 0).status, PHI_EPARSE_);
}

TEST(PromptLoader, ReadsTheStandardPrograms) {
  int programs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PHIOS_SOURCE_DIR "/userland/programs")) {
    if (entry.path().extension() != ".md") continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const Loaded loaded = load_text(text.str());
    EXPECT_EQ(loaded.status, PHI_OK) << entry.path() << ": " << loaded.message;
    EXPECT_FALSE(loaded.prompt.sections.empty());
    ++programs;
  }
  EXPECT_GE(programs, 5);
}

}  // namespace
}  // namespace phios::prompt
