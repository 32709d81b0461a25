#include "userland/prompt/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "syscalls/abi/limits.h"

namespace phios::prompt {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kFrontLine = "---";
constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr size_t kFenceLength = 3;
constexpr std::string_view kOnlyLabel = "main";

std::unexpected<SourceError> error(int line, std::string message) {
  return std::unexpected(SourceError{line, std::move(message)});
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The text of a base or section as the kernel wants it.
std::string tidy(std::string_view text) {
  text = trim(text);
  return text.empty() ? std::string() : std::string(text) + "\n";
}

// Takes the lines off a text one by one.
struct Lines {
  std::string_view rest;
  int number = 0;  // of the line taken last

  bool next(std::string_view& line) {
    if (rest.empty()) return false;
    const size_t end = rest.find('\n');
    line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    ++number;
    return true;
  }
};

// A code fence, as CommonMark has it, in a line's first column.
class Fence {
 public:
  bool open() const { return length_ != 0; }
  void see(std::string_view line) {
    const char mark = line.empty() ? '\0' : line.front();
    if (mark != '`' && mark != '~') return;
    const size_t end = line.find_first_not_of(mark);
    const size_t length = end == std::string_view::npos ? line.size() : end;
    const std::string_view info = line.substr(length);
    if (length < kFenceLength) return;
    if (!open()) {
      if (mark == '`' && info.find('`') != std::string_view::npos) return;  // code inside a line
      mark_ = mark;
      length_ = length;
    } else if (mark == mark_ && length >= length_ && trim(info).empty()) {
      length_ = 0;
    }
  }

 private:
  char mark_ = '\0';
  size_t length_ = 0;  // 0: no fence is open
};

bool is_label(std::string_view text) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos;
}

// What is wrong with the inside of {{…}}: [@]cell[|default].
std::optional<std::string> check_placeholder(std::string_view inside) {
  std::string_view name = inside.substr(0, inside.find('|'));
  if (name.starts_with('@')) name.remove_prefix(1);
  if (name.empty()) return "names no cell";
  if (name.size() > PHI_CELL_NAME_MAX) {
    return fmt::format("names a cell with {} bytes, at most {}", name.size(), PHI_CELL_NAME_MAX);
  }
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (name.starts_with('@') || std::any_of(name.begin(), name.end(), blank)) {
    return "names no cell: a name here has no blanks, and at most one @ before it";
  }
  if (inside.find_first_of("{}") != std::string_view::npos) return "holds a brace";
  return std::nullopt;
}

std::expected<void, SourceError> check_placeholders(std::string_view line, int number) {
  while (true) {
    const size_t open = line.find(kOpen);
    if (open == std::string_view::npos) return {};
    line.remove_prefix(open + kOpen.size());
    const size_t close = line.find(kClose);
    const std::string_view inside = line.substr(0, close);
    if (close == std::string_view::npos) {
      return error(
          number, "{{ without }} on the same line; a placeholder is {{cell}}, {{@cell}} or {{cell|default}}");
    }
    if (const auto wrong = check_placeholder(inside)) {
      return error(number, fmt::format("the placeholder {{{{{}}}}} {}", inside, *wrong));
    }
    line.remove_prefix(close + kClose.size());
  }
}

// The front matter's YAML, if there is one.
std::expected<std::string, SourceError> take_front(Lines& lines) {
  Lines ahead = lines;
  std::string_view line;
  if (!ahead.next(line) || line != kFrontLine) return std::string();
  const std::string_view body = ahead.rest;
  while (ahead.next(line)) {
    if (line != kFrontLine) continue;
    lines = ahead;
    return std::string(body.substr(0, static_cast<size_t>(line.data() - body.data())));
  }
  return error(1, "the front matter that begins here has no second --- line");
}

class Reader {
 public:
  explicit Reader(Lines lines) : lines_(lines) {}

  std::expected<void, SourceError> read(Document& out) {
    std::string_view line;
    std::string label;
    const char* begin = lines_.rest.data();
    const auto finish = [&](const char* end) {
      std::string text = tidy(std::string_view(begin, static_cast<size_t>(end - begin)));
      if (label.empty()) {
        out.base = std::move(text);
      } else {
        out.sections.push_back({label, std::move(text)});
      }
    };
    while (lines_.next(line)) {
      if (!fence_.open() && line.starts_with("# ")) {
        finish(line.data());
        auto found = read_label(trim(line.substr(1)));
        if (!found) return std::unexpected(std::move(found).error());
        label = std::move(*found);
        begin = lines_.rest.data();
        continue;
      }
      fence_.see(line);
      if (auto checked = check_placeholders(line, lines_.number); !checked) return checked;
    }
    finish(lines_.rest.data());
    if (out.sections.empty()) out.sections.push_back({std::string(kOnlyLabel), {}});
    return {};
  }

 private:
  std::expected<std::string, SourceError> read_label(std::string_view text) {
    const int line = lines_.number;
    if (!is_label(text)) {
      return error(line,
                   fmt::format("the label \"{}\" is not of the form [A-Za-z0-9_-]+; text that begins with "
                               "\"# \" goes into a code fence",
                               text));
    }
    if (text.size() > PHI_LABEL_MAX) {
      return error(line,
                   fmt::format("the label {} has {} bytes, at most {}", text, text.size(), PHI_LABEL_MAX));
    }
    const auto [at, is_new] = seen_.emplace(text, line);
    if (!is_new) return error(line, fmt::format("the label {} stands on line {} already", text, at->second));
    if (seen_.size() > PHI_LABELS_MAX) return error(line, fmt::format("more than {} labels", PHI_LABELS_MAX));
    return std::string(text);
  }

  Lines lines_;
  Fence fence_;
  std::map<std::string, int> seen_;  // label → its line
};

}  // namespace

std::expected<Document, SourceError> read_document(std::string_view text) {
  Document document;
  Lines lines{text};
  auto front = take_front(lines);
  if (!front) return std::unexpected(std::move(front).error());
  document.front = std::move(*front);
  if (auto read = Reader(lines).read(document); !read) return std::unexpected(std::move(read).error());
  return document;
}

}  // namespace phios::prompt
