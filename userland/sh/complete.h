// What may stand where the cursor is: commands and programs first in a command, pids and jobs after words
// that take them, cells after those that take cells and in redirects to @cells.
//
// Pure but for the sources, which ask the kernel. Threads: that of the shell.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace phios::sh {

using Names = std::vector<std::string>;

struct CompletionSources {
  std::function<Names()> commands, programs, pids;  // pids: %jobs too
  std::function<Names(const std::string&)> cells;   // with a prefix
};

struct Completion {
  size_t from = 0;   // where the word at the cursor begins; it is replaced
  Names candidates;  // whole words, sorted
};

Completion complete(std::string_view line_to_cursor, const CompletionSources& sources);
std::string common_prefix(const Names& names);

}  // namespace phios::sh
