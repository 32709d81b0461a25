#include "drivers/model/native/tokenizer/text_codec.h"

#include <array>

#include "syscalls/abi/utf8.h"

namespace phios {
namespace {

constexpr uint32_t kRemapBase = 256;   // bytes without a printable character of their own move from here up
constexpr uint32_t kRemapLimit = 324;  // one past the last of them

constexpr bool is_printable_latin1(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

// Code point of a byte, and the way back (-1: that code point spells no byte).
struct Remap {
  std::array<uint16_t, 256> point{};
  std::array<int16_t, kRemapLimit> byte{};

  constexpr Remap() {
    byte.fill(-1);
    uint32_t next = kRemapBase;
    for (uint32_t b = 0; b < point.size(); ++b) {
      point[b] = static_cast<uint16_t>(is_printable_latin1(b) ? b : next++);
      byte[point[b]] = static_cast<int16_t>(b);
    }
  }
};
constexpr Remap kRemap;
static_assert(kRemap.point[' '] == 0x120 && kRemap.point[0xad] == kRemapLimit - 1);

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

size_t utf8_length(std::string_view text, size_t pos) {
  return phi_utf8_length(text.data() + pos, text.size() - pos);
}

size_t utf8_valid_prefix(std::string_view text) {
  size_t pos = 0;
  while (pos < text.size()) {
    const size_t length = utf8_length(text, pos);
    if (length == 0) break;
    pos += length;
  }
  return pos;
}

std::string byte_level_encode(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const uint32_t point = kRemap.point[static_cast<unsigned char>(c)];
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else {
      out += static_cast<char>(0xc0 | (point >> 6));
      out += static_cast<char>(0x80 | (point & 0x3f));
    }
  }
  return out;
}

std::optional<std::string> byte_level_decode(std::string_view text) {
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    const size_t length = utf8_length(text, pos);
    if (length == 0 || length > 2) return std::nullopt;
    const auto lead = static_cast<unsigned char>(text[pos]);
    const uint32_t point =
        length == 1 ? lead
                    : (uint32_t(lead & 0x1f) << 6 | (static_cast<unsigned char>(text[pos + 1]) & 0x3f));
    if (point >= kRemapLimit || kRemap.byte[point] < 0) return std::nullopt;
    out += static_cast<char>(kRemap.byte[point]);
    pos += length;
  }
  return out;
}

std::optional<uint8_t> parse_byte_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  const int high = hex_digit(text[3]);
  const int low = hex_digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<uint8_t>(high * 16 + low);
}

}  // namespace phios
