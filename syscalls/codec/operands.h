// Operands: the words of a text that a frame's operands may be, for programs that say `operands: section`: a
// network of a few million weights chooses among words far more surely than it copies them byte by byte.
//
// Threads: pure functions. Units: bytes. Errors: ETOOBIG_ past a bound.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

inline constexpr size_t kOperandsMax = 1024;        // words of one section and its results
inline constexpr size_t kOperandBytesMax = 65'536;  // of all of them

// Adds the words of `text` as a frame would write them: its JSON strings, and its runs of bare bytes with and
// without the punctuation at their ends ("n." is n., and n; "n++" is n). What stands in a string is one word.
Status add_operands(std::string_view text, std::set<std::string>& words);

// A decimal integer with or without a sign, of at most `digits` digits (0: any number).
bool is_integer(std::string_view word, size_t digits);
// The integers that can be meant where `words` stand: those among them with either sign, and one.
std::vector<std::string> integer_operands(const std::set<std::string>& words, size_t digits);

}  // namespace phios
