// The checks, each from a tree to what it finds wrong; nothing found means that the rule holds.
//
// Threads: pure functions. Errors: none; findings are the result.
#pragma once

#include "tests/tidy/tree.h"

namespace phios::tidy {

inline constexpr size_t kLinesMax = 500;
// "path lines", one a line: files that are longer than kLinesMax. It may only shrink.
inline constexpr const char* kLongFilesList = "tests/tidy/long_files.txt";

Findings check_arrows(const Tree& tree);         // includes point only where the architecture lets them
Findings check_include_paths(const Tree& tree);  // project headers are named from the root
Findings check_cycles(const Tree& tree);         // no file includes itself by way of others
Findings check_confined(const Tree& tree);       // libraries that may appear only in certain files
Findings check_lengths(const Tree& tree);
Findings check_dead_files(const Tree& tree);
Findings check_marks(const Tree& tree);  // nothing is marked as left undone

}  // namespace phios::tidy
