// Operands: the words of a text that a frame's operands may be, for programs that say `operands: section`: a
// network of a few million weights chooses among words far more surely than it copies them byte by byte.
//
// Threads: pure functions. Units: bytes. Errors: ETOOBIG_ past a bound.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

// A word as a frame writes it → how many words of the text it was.
using Operands = std::map<std::string, uint32_t>;

inline constexpr size_t kOperandsMax = 1024;        // words of one section and its results
inline constexpr size_t kOperandBytesMax = 65'536;  // of all of them

// Adds the words of `text` as a frame would write them: its JSON strings, and its runs of bare bytes with and
// without the punctuation at their ends ("-3" is -3 and 3). "." and ":" after a word end a sentence, "++" and
// "--" are operators: they are no part of it. What stands in a string is one word.
Status add_operands(std::string_view text, Operands& words);

// One of stop_words.def: as an operand it must stand in quotes.
bool is_stop_word(std::string_view word);
// A decimal integer with or without a sign, of at most `digits` digits (0: any number).
bool is_integer(std::string_view word, size_t digits);
// The integers that can be meant where `words` stand: those among them with either sign, and one.
std::vector<std::string> integer_operands(const Operands& words, size_t digits);

}  // namespace phios
