#include "syscalls/codec/operands.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "syscalls/codec/text.h"
#include "syscalls/codec/words.h"

namespace phios {
namespace {

constexpr std::string_view kPunctuation = ".:+-/";  // bare bytes that also stand around words
constexpr std::string_view kSentenceMarks = ".:";
constexpr size_t kOperator = 2;  // bytes of ++ and --
constexpr std::array kStopWords = {
#define PHI_STOP_WORD(word) std::string_view(word),
#include "syscalls/codec/stop_words.def"
#undef PHI_STOP_WORD
};
static_assert(std::ranges::is_sorted(kStopWords));

bool is_bare(char c) { return is_bare_word({&c, 1}); }

// Every reading of a run of bare bytes counts as one word.
void add_run(std::string_view run, Operands& words) {
  if (run.find_first_not_of(kPunctuation) == std::string_view::npos) {
    ++words[std::string(run)];
    return;
  }
  run = run.substr(0, run.find_last_not_of(kSentenceMarks) + 1);
  if (const size_t last = run.find_last_not_of("+-") + 1; run.size() - last >= kOperator)
    run = run.substr(0, last);
  const size_t first = run.find_first_not_of(kPunctuation);
  const std::string_view left = run.substr(0, run.find_last_not_of(kPunctuation) + 1);
  for (const std::string_view reading : std::set<std::string_view>{run, left, left.substr(first)})
    ++words[std::string(reading)];
}

}  // namespace

Status add_operands(std::string_view text, Operands& words) {
  while (!text.empty()) {
    if (text.front() == '"') {
      WordReader reader(text);
      if (const Result<std::string> string = reader.word()) {
        ++words[quote_string(*string)];
        text = reader.rest();
        continue;
      }
    }
    const auto end = std::find_if_not(text.begin(), text.end(), is_bare);
    const auto size = static_cast<size_t>(end - text.begin());
    if (size > 0) add_run(text.substr(0, size), words);
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  size_t bytes = 0;
  for (const auto& [word, count] : words) bytes += word.size();
  if (words.size() > kOperandsMax || bytes > kOperandBytesMax) {
    return fail(
        ErrorCode::ETOOBIG_,
        fmt::format("operands: section: {} words of {} bytes, at most {} of {}; shorten the section, or "
                    "take the option out",
                    words.size(), bytes, kOperandsMax, kOperandBytesMax));
  }
  return {};
}

bool is_stop_word(std::string_view word) { return std::ranges::binary_search(kStopWords, word); }

bool is_integer(std::string_view word, size_t digits) {
  if (word.starts_with('-')) word.remove_prefix(1);
  return !word.empty() && (digits == 0 || word.size() <= digits) &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string> integer_operands(const Operands& words, size_t digits) {
  std::set<std::string> integers = {"1", "-1"};
  for (const auto& [word, count] : words) {
    if (!is_integer(word, digits)) continue;
    integers.insert(word);
    integers.insert(word.starts_with('-') ? word.substr(1) : "-" + word);
  }
  return {integers.begin(), integers.end()};
}

}  // namespace phios
