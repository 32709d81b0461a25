// The shell's language as data: text → lists of pipelines of commands. Pure.
//
// Words: 'literal', "with $cell", \x; $NAME, ${NAME}, $? and $1 are cells and the last status. ; & && || | >
// >> < # newline. Ownership: plain values. Errors: file and line of the first thing that cannot be read;
// `incomplete` when more text may mend it (an open quote, a trailing | or &&).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace phios::sh {

struct WordPart {
  bool is_cell = false;  // text is then a cell's name, or "?"
  std::string text;
  bool operator==(const WordPart&) const = default;
};

struct Word {
  std::vector<WordPart> parts;  // none: an empty word ("")
  bool operator==(const Word&) const = default;
};

struct Redirect {
  enum class Kind { kIn, kOut, kAppend };
  Kind kind;
  Word target;
};

struct Command {
  std::vector<Word> words;
  std::vector<Redirect> redirects;
  int line = 1;
};

struct Pipeline {
  std::vector<Command> commands;
  std::string text;  // as it was written, for job lists
};

struct Item {
  enum class After { kNext, kAnd, kOr, kBackground };  // what follows it: ; or newline, &&, ||, &
  Pipeline pipeline;
  After after = After::kNext;
};

struct SyntaxError {
  int line = 1;
  std::string message;
  bool incomplete = false;
};

inline constexpr size_t kSourceMax = 1 << 20;  // bytes of a script
inline constexpr size_t kWordsMax = 1024;      // of one command

std::expected<std::vector<Item>, SyntaxError> parse(std::string_view source, int first_line = 1);

}  // namespace phios::sh
