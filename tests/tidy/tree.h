// Tree: the project's text files, by path from the root; the checks read nothing else, so they can be shown a
// made-up one.
//
// Ownership: owns all text. Threads: a plain value.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace phios::tidy {

using Tree = std::map<std::string, std::string>;  // path → text
using Findings = std::vector<std::string>;        // "path:line: what is wrong"

// Every text file under `root`, but not what is built, hidden or a run's own.
Tree read_tree(const std::filesystem::path& root);

std::vector<std::string_view> lines_of(std::string_view text);
std::string folder_of(std::string_view path);  // "" at the root
std::string_view name_of(std::string_view path);
std::string_view extension_of(std::string_view path);  // ".cc"
std::string_view stem_of(std::string_view path);

// C, C++ and .def: what the preprocessor sees.
bool is_code(std::string_view path);
// Written by a program of ours, as its first line says: neither its length nor its layout is anyone's to
// mend.
bool is_generated(std::string_view text);
// Does `text` hold `word` with no letter, digit or underscore on either side?
bool has_word(std::string_view text, std::string_view word);

}  // namespace phios::tidy
