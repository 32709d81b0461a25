// A document's text → passages: whole sentences and paragraphs up to a size, white space made single.
//
// Threads: pure functions. Units: bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace phios {

inline constexpr size_t kPassageBytes = 600;     // of a passage with its title, unless a word is longer
inline constexpr size_t kPassageBytesMin = 200;  // left for the text, however long the title is

struct Passages {
  std::string title;
  std::vector<std::string> texts;  // without the title
};

// An empty title is taken from a Markdown heading that the text begins with.
Passages cut_passages(std::string_view title, std::string_view text);

// "Title: text", or the text alone.
std::string passage_text(std::string_view title, std::string_view text);

}  // namespace phios
