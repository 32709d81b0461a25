// The two spellings of bytes that vocabularies use, and UTF-8 as RFC 3629 has it (no surrogates, nothing
// overlong, nothing above U+10FFFF), which is also what PCRE2 takes on trust. A NUL is a character like
// others.
//
// Threads: pure functions. Units: bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace phios {

// The length of the well-formed character at `pos`; 0: none begins there. pos < text.size().
size_t utf8_length(std::string_view text, size_t pos);
// How many leading bytes of `text` are well-formed.
size_t utf8_valid_prefix(std::string_view text);

// GPT-2's remapping, by which every byte is spelled as a printable character: "Ġ" is a space.
std::string byte_level_encode(std::string_view bytes);
// nullopt: the text has a character that spells no byte.
std::optional<std::string> byte_level_decode(std::string_view text);

// "<0x0A>" → 10; nullopt: not of that form.
std::optional<uint8_t> parse_byte_token(std::string_view text);

}  // namespace phios
