#include "drivers/retrieval/passages.h"

#include <algorithm>

#include "drivers/api/utf8.h"
#include "drivers/retrieval/retrieval.h"

namespace phios {

namespace {

constexpr std::string_view kSpaces = " \t\r\n\v\f";

bool is_space(char c) { return kSpaces.find(c) != std::string_view::npos; }

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::string single_spaced(std::string_view text) {
  std::string out;
  for (const char c : trimmed(text)) {
    if (!is_space(c)) {
      out += c;
    } else if (out.back() != ' ') {
      out += ' ';
    }
  }
  return out;
}

// Paragraphs end at an empty line.
std::vector<std::string_view> paragraphs_of(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    if (trimmed(text.substr(line, end - line)).empty()) {
      out.push_back(text.substr(begin, line - begin));
      begin = end;
    }
    line = end + 1;
  }
  out.push_back(text.substr(std::min(begin, text.size())));
  return out;
}

// Where the sentence at the start of text ends: after . ! or ? and what closes it, before a space and
// something that is no lower-case letter. A single capital before the dot is an initial ("J. Smith").
size_t sentence_end(std::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '.' && text[i] != '!' && text[i] != '?') continue;
    const bool initial = text[i] == '.' && i >= 1 && text[i - 1] >= 'A' && text[i - 1] <= 'Z' &&
                         (i == 1 || text[i - 2] == ' ' || text[i - 2] == '.');
    if (initial) continue;
    size_t end = i + 1;
    while (end < text.size() && (text[end] == '"' || text[end] == ')' || text[end] == '\'')) ++end;
    if (end == text.size()) return end;
    const bool goes_on = end + 1 < text.size() && text[end + 1] >= 'a' && text[end + 1] <= 'z';
    if (text[end] == ' ' && !goes_on) return end;
  }
  return text.size();
}

// The largest part of text that has at most `max` bytes and ends between words.
std::string_view whole_words(std::string_view text, size_t max) {
  if (text.size() <= max) return text;
  const size_t space = text.rfind(' ', max);
  if (space != std::string_view::npos && space > 0) return text.substr(0, space);
  return utf8_clip(text, max);
}

class Cutter {
 public:
  explicit Cutter(size_t max) : max_(max) {}

  void paragraph(std::string_view raw) {
    const std::string text = single_spaced(raw);
    // A new paragraph goes on in the passage only while that is short, or fits whole.
    if (current_.size() * 2 > max_ && current_.size() + 1 + text.size() > max_) flush();
    for (std::string_view rest = text; !rest.empty(); rest = trimmed(rest)) {
      const size_t end = sentence_end(rest);
      sentence(rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  std::vector<std::string> finish() {
    flush();
    return std::move(out_);
  }

 private:
  void sentence(std::string_view text) {
    if (!current_.empty() && current_.size() + 1 + text.size() > max_) flush();
    while (text.size() > max_) {
      const std::string_view part = whole_words(text, max_);
      out_.emplace_back(part);
      text = trimmed(text.substr(part.size()));
    }
    if (!current_.empty() && !text.empty()) current_ += ' ';
    current_ += text;
  }
  void flush() {
    if (!current_.empty()) out_.push_back(std::move(current_));
    current_.clear();
  }

  size_t max_;
  std::string current_;
  std::vector<std::string> out_;
};

// "# Title" on the first line that is not empty: the title, and the text goes on after it.
std::string take_heading(std::string_view& text) {
  const std::string_view body = trimmed(text);
  if (!body.starts_with('#')) return {};
  const std::string_view line = body.substr(0, body.find('\n'));
  const size_t words = line.find_first_not_of('#');
  if (words == std::string_view::npos || line[words] != ' ') return {};
  text = body.substr(line.size());
  return single_spaced(line.substr(words));
}

}  // namespace

Passages cut_passages(std::string_view title, std::string_view text) {
  Passages out;
  out.title = title.empty() ? take_heading(text) : single_spaced(title);
  out.title = std::string(utf8_clip(out.title, kTitleMax));
  const size_t prefix = out.title.empty() ? 0 : out.title.size() + 2;
  Cutter cutter(prefix + kPassageBytesMin < kPassageBytes ? kPassageBytes - prefix : kPassageBytesMin);
  for (const std::string_view paragraph : paragraphs_of(text)) cutter.paragraph(paragraph);
  out.texts = cutter.finish();
  // A document that is a title alone is still found by it.
  if (out.texts.empty() && !out.title.empty()) out.texts.emplace_back();
  return out;
}

std::string passage_text(std::string_view title, std::string_view text) {
  if (title.empty()) return std::string(text);
  if (text.empty()) return std::string(title);
  return std::string(title) + ": " + std::string(text);
}

}  // namespace phios
