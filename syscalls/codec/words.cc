#include "syscalls/codec/words.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "syscalls/abi/utf8.h"
#include "syscalls/codec/text.h"

namespace phios {
namespace {

constexpr std::array<bool, 256> make_bare() {
  std::array<bool, 256> bare{};
  for (int c = 'A'; c <= 'Z'; ++c) bare[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) bare[static_cast<size_t>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) bare[static_cast<size_t>(c)] = true;
  for (const char c : {'_', '.', '/', ':', '+', '@', '-'}) bare[static_cast<uint8_t>(c)] = true;
  return bare;
}
constexpr std::array<bool, 256> kBare = make_bare();

bool is_bare(char c) { return kBare[static_cast<uint8_t>(c)]; }

uint8_t byte_at(std::string_view text, size_t i) {
  return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
}

// The character that stands for itself after a backslash, 0 if none does.
char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

}  // namespace

size_t utf8_sequence(std::string_view text, size_t i) {
  return phi_utf8_length(text.data() + i, text.size() - i);
}

void append_utf8(std::string& out, uint32_t code_point) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3f));
    put(0x80 | ((code_point >> 6) & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t n = utf8_sequence(text, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

bool is_bare_word(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), is_bare);
}

std::string quote_word(std::string_view word) {
  return is_bare_word(word) ? std::string(word) : quote_string(word);
}

std::string quote_string(std::string_view word) {
  std::string out = "\"";
  for (size_t i = 0; i < word.size();) {
    const char c = word[i];
    const size_t n = c == '\0' ? 0 : utf8_sequence(word, i);
    if (n == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (c == '<' && byte_at(word, i + 1) == '|') {
      out += "\\u003c";
    } else {
      out.append(word, i, n);
    }
    i += std::max<size_t>(n, 1);
  }
  out.push_back('"');
  return out;
}

std::unexpected<Error> WordReader::error(std::string_view what) const {
  return fail(ErrorCode::EPARSE_, fmt::format("column {}: {}", column(), what));
}

Status WordReader::space() {
  if (at_end() || text_[at_] != ' ') return error("one space between words expected");
  ++at_;
  return {};
}

std::string_view WordReader::name() {
  const size_t end = std::min(text_.find(' ', at_), text_.size());
  const std::string_view name = text_.substr(at_, end - at_);
  at_ = end;
  return name;
}

std::string_view WordReader::key() {
  size_t end = at_;
  while (end < text_.size() && is_bare(text_[end])) ++end;
  if (end == at_ || end == text_.size() || text_[end] != '=') return {};
  const std::string_view key = text_.substr(at_, end - at_);
  at_ = end + 1;
  return key;
}

Result<std::string> WordReader::word() {
  if (at_end()) return error("a value expected");
  if (text_[at_] == '"') return quoted();
  const size_t begin = at_;
  while (!at_end() && is_bare(text_[at_])) ++at_;
  if (at_ == begin || (!at_end() && text_[at_] != ' '))
    return error("a bare word [A-Za-z0-9_./:+@-] or a JSON string expected");
  return std::string(text_.substr(begin, at_ - begin));
}

Result<std::string> WordReader::quoted() {
  std::string out;
  ++at_;
  while (!at_end()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return out;
    }
    if (c == '\\') {
      TRY(escape(out));
      continue;
    }
    if (static_cast<uint8_t>(c) < 0x20) return error("a control character must be written \\u00XX");
    if (c == '<' && byte_at(text_, at_ + 1) == '|') return error("\"<|\" must be written \"\\u003c|\"");
    const size_t n = utf8_sequence(text_, at_);
    if (n == 0) return error("not UTF-8");
    out.append(text_, at_, n);
    at_ += n;
  }
  return error("the string is not closed");
}

Status WordReader::escape(std::string& out) {
  const char c = static_cast<char>(byte_at(text_, at_ + 1));
  if (const char plain = simple_escape(c)) {
    out.push_back(plain);
    at_ += 2;
    return {};
  }
  if (c != 'u') return error("no such escape");
  at_ += 2;
  uint32_t code_point = TRY(hex4());
  if (code_point == 0) return error("NUL cannot be written");
  if (code_point >= 0xd800 && code_point <= 0xdfff) {
    if (code_point >= 0xdc00 || !rest().starts_with("\\u")) return error("half of a surrogate pair");
    at_ += 2;
    const uint32_t low = TRY(hex4());
    if (low < 0xdc00 || low > 0xdfff) return error("half of a surrogate pair");
    code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(out, code_point);
  return {};
}

Result<uint32_t> WordReader::hex4() {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const auto c = static_cast<char>(byte_at(text_, at_));
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      value = value * 16 + static_cast<uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      return error("four hexadecimal digits expected");
    }
  }
  return value;
}

}  // namespace phios
