#include "userland/sh/complete.h"

#include <algorithm>

namespace phios::sh {
namespace {

constexpr std::string_view kEnds = " \t;&|<>";
constexpr std::string_view kTakePids[] = {"bg", "fg", "kill", "strace", "wait", "nice"};
constexpr std::string_view kTakeCells[] = {"get", "set", "del", "cells"};
constexpr std::string_view kTakePrograms[] = {"run", "strace", "nice", "help"};

template <size_t N>
bool is_one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// The first word of the command that the cursor is in; "" where it is the word at the cursor.
std::string_view command_word(std::string_view before) {
  size_t start = before.find_last_of(";&|");
  before.remove_prefix(start == std::string_view::npos ? 0 : start + 1);
  size_t first = before.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  before.remove_prefix(first);
  return before.substr(0, before.find_first_of(" \t"));
}

void add(Names& out, const Names& names, std::string_view prefix, std::string_view lead = "") {
  for (const std::string& name : names)
    if (std::string whole = std::string(lead) + name; whole.starts_with(prefix)) out.push_back(whole);
}

void add_cells(Names& out, const CompletionSources& sources, std::string_view word, std::string_view lead) {
  add(out, sources.cells(std::string(word.substr(lead.size()))), word, lead);
}

}  // namespace

Completion complete(std::string_view line, const CompletionSources& sources) {
  size_t end = line.find_last_of(kEnds);
  Completion result;
  result.from = end == std::string_view::npos ? 0 : end + 1;
  std::string_view word = line.substr(result.from), before = line.substr(0, result.from),
                   first = command_word(before);
  size_t last = before.find_last_not_of(" \t");
  bool redirect = last != std::string_view::npos && (before[last] == '<' || before[last] == '>');
  Names& out = result.candidates;
  if (word.starts_with('@') && redirect) {
    add_cells(out, sources, word, "@");
  } else if (word.starts_with('$')) {
    add_cells(out, sources, word, "$");
  } else if (!redirect) {
    if (first.empty()) add(out, sources.commands(), word);
    if (first.empty() || is_one_of(first, kTakePrograms))
      add(out, first == "help" ? sources.commands() : sources.programs(), word);
    if (is_one_of(first, kTakePids)) add(out, sources.pids(), word);
    if (is_one_of(first, kTakeCells)) add_cells(out, sources, word, "");
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return result;
}

std::string common_prefix(const Names& names) {
  if (names.empty()) return "";
  std::string prefix = names.front();
  for (const std::string& name : names) {
    auto [end, other] = std::mismatch(prefix.begin(), prefix.end(), name.begin(), name.end());
    prefix.erase(end, prefix.end());
  }
  return prefix;
}

}  // namespace phios::sh
