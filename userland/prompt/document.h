// A prompt program's text, cut into front matter, base and sections; its placeholders are checked.
//
// Threads: pure functions. Units: lines count from 1.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace phios::prompt {

struct SourceError {
  int line = 0;
  std::string message;
};

struct Section {
  std::string label;
  std::string text;  // trimmed, and ended by one line feed unless empty
};

struct Document {
  std::string front;  // the YAML between the --- lines, which begins on line 2
  std::string base;   // as Section::text
  std::vector<Section> sections;
};

// `text` is UTF-8 without NUL; its line ends are line feeds.
std::expected<Document, SourceError> read_document(std::string_view text);

}  // namespace phios::prompt
