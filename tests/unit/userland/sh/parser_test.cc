// The shell's grammar.
#include "userland/sh/parser.h"

#include <gmock/gmock.h>

namespace phios::sh {
namespace {

// Items as text: words in <>, cells in {}, redirects and connectors as signs.
std::string shown(const Word& word) {
  std::string out = "<";
  for (const WordPart& part : word.parts) out += part.is_cell ? "{" + part.text + "}" : part.text;
  return out + ">";
}

std::string shown(std::string_view source) {
  auto items = parse(source);
  if (!items)
    return "line " + std::to_string(items.error().line) + ": " + items.error().message +
           (items.error().incomplete ? " ..." : "");
  std::string out;
  for (const Item& item : *items) {
    for (size_t i = 0; i < item.pipeline.commands.size(); ++i) {
      if (i) out += "|";
      for (const Word& word : item.pipeline.commands[i].words) out += shown(word);
      for (const Redirect& r : item.pipeline.commands[i].redirects)
        out += (r.kind == Redirect::Kind::kIn    ? "<-"
                : r.kind == Redirect::Kind::kOut ? "->"
                                                 : "->>") +
               shown(r.target);
    }
    out += item.after == Item::After::kNext  ? ";"
           : item.after == Item::After::kAnd ? "&&"
           : item.after == Item::After::kOr  ? "||"
                                             : "&";
  }
  return out;
}

TEST(ShellParser, Words) {
  EXPECT_EQ(shown("run solve 'a b' \"c d\""), "<run><solve><a b><c d>;");
  EXPECT_EQ(shown("echo a\\ b 'it''s' \"q\\\"q\" ''"), "<echo><a b><its><q\"q><>;");
  EXPECT_EQ(shown("echo a#b # comment"), "<echo><a#b>;");
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("# only\n\n  # comments\n"), "");
  EXPECT_EQ(shown("a \\\n b"), "<a><b>;");
}

TEST(ShellParser, Cells) {
  EXPECT_EQ(shown("echo $x ${/shm/y} \"n=$1.\" $? '$x' \\$x $ "),
            "<echo><{x}><{/shm/y}><n={1}.><{?}><$x><$x><$>;");
  EXPECT_EQ(shown("echo ${"), "line 1: a cell's name and } are expected after ${");
}

TEST(ShellParser, Lists) {
  EXPECT_EQ(shown("a; b & c && d || e\nf"), "<a>;<b>&<c>&&<d>||<e>;<f>;");
  EXPECT_EQ(shown("a &&\n b"), "<a>&&<b>;");
  EXPECT_EQ(shown("a | b |\n c"), "<a>|<b>|<c>;");
  EXPECT_EQ(shown("a|b||c"), "<a>|<b>||<c>;");
  EXPECT_EQ(shown("a&b"), "<a>&<b>;");
}

TEST(ShellParser, Redirects) {
  EXPECT_EQ(shown("a > f >> g < @c"), "<a>-><f>->><g><-<@c>;");
  EXPECT_EQ(shown("a>f<g x"), "<a><x>-><f><-<g>;");
  EXPECT_EQ(shown("a >"), "line 1: a file or a @cell is expected after < or >");
}

TEST(ShellParser, ErrorsTellTheLine) {
  EXPECT_EQ(shown("a\nb\n| c"), "line 3: a command is expected before '|'");
  EXPECT_EQ(shown("a ;; b"), "line 1: a command is expected before ';'");
  EXPECT_EQ(shown("a\n'b\nc"), "line 2: this ' has no end ...");
  EXPECT_EQ(shown("a\n\"b"), "line 2: this \" has no end ...");
  EXPECT_EQ(shown("a |"), "line 1: a command is expected after | ...");
  EXPECT_EQ(shown("a &&"), "line 1: a command is expected after && or || ...");
  EXPECT_EQ(shown("> f"), "line 1: a command is expected at the end of the line");
}

TEST(ShellParser, KeepsTextAndLines) {
  auto items = parse("a  'b c' | d &\n\ne", 10);
  ASSERT_TRUE(items);
  EXPECT_EQ((*items)[0].pipeline.text, "a  'b c' | d");
  EXPECT_EQ((*items)[0].pipeline.commands[1].line, 10);
  EXPECT_EQ((*items)[1].pipeline.commands[0].line, 12);
}

TEST(ShellParser, Bounds) {
  EXPECT_EQ(shown(std::string(kSourceMax + 1, 'a')), "line 1: a script of over 1 MiB");
  std::string many;
  for (size_t i = 0; i <= kWordsMax; ++i) many += "a ";
  EXPECT_EQ(shown(many), "line 1: more than 1024 words in one command");
}

}  // namespace
}  // namespace phios::sh
