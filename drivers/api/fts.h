// Words of people → a query of SQLite's FTS5: what they wrote is data, never query syntax.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace phios::sqlite {

inline constexpr size_t kQueryWordsMax = 64;

// The words of a text in lower case (ASCII), without the common ones ("what", "is", "the"), unless nothing
// else is left. At most kQueryWordsMax.
std::vector<std::string> query_words(std::string_view text);

// Any of the words, and each pair that stands together, which is how names are found; empty for no words.
std::string match_expression(const std::vector<std::string>& words);

}  // namespace phios::sqlite
