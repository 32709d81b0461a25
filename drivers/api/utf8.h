// UTF-8 checks over string views, for text that comes from outside through a driver.
//
// Threads: pure functions. Units: bytes.
#pragma once

#include <string_view>

#include "syscalls/abi/utf8.h"

namespace phios {

// Where text stops being UTF-8 without NUL; npos when it never does.
inline size_t find_bad_utf8(std::string_view text) {
  const size_t good = phi_utf8_valid_prefix(text.data(), text.size());
  return good == text.size() ? std::string_view::npos : good;
}

// The longest part from the start that has at most `max` bytes and cuts no character.
inline std::string_view utf8_clip(std::string_view text, size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xc0) == 0x80) --max;
  return text.substr(0, max);
}

}  // namespace phios
