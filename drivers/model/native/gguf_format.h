// The parts of GGUF's encoding that its reader (gguf_reader.cc) and its accessors (gguf.cc) share.
//
// Ownership: none. Threads: pure functions. Errors: load() and load_string() check nothing: the reader has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "drivers/model/native/gguf.h"

namespace phios {

// Walks the bytes once, front to back, and checks each field before it is used.
Status read_gguf(Gguf& file);

namespace gguf_format {

uint64_t scalar_bytes(GgufType type);       // 0 for strings, arrays and unknown types
std::string_view type_name(GgufType type);  // "uint8" …
std::string quoted(std::string_view text);  // a hostile file's name for a message: printable and short

template <class T>
T load(std::span<const std::byte> bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Moves `offset` behind the string.
inline std::string_view load_string(std::span<const std::byte> bytes, uint64_t& offset) {
  const auto length = load<uint64_t>(bytes, offset);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data() + offset + 8), length);
  offset += 8 + length;
  return text;
}

}  // namespace gguf_format
}  // namespace phios
