/* utf8.h: is it UTF-8? As RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. C and
 * C++. Every text that enters phios is checked by it, on both sides of the ABI. Pure functions; units are
 * bytes. */
#ifndef PHIOS_UTF8_H
#define PHIOS_UTF8_H

#include <stddef.h>

/* The bytes of the well-formed character at the start of text, 0 when there is none. */
static inline size_t phi_utf8_length(const char* text, size_t len) {
  const unsigned char* byte = (const unsigned char*)text;
  size_t n = 0;
  unsigned char low = 0x80, high = 0xbf; /* the second byte's range tells overlong forms and surrogates */
  if (len == 0) return 0;
  if (byte[0] < 0x80) return 1;
  if (byte[0] >= 0xc2) n = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : byte[0] < 0xf5 ? 4 : 0;
  if (n == 0 || len < n) return 0;
  if (byte[0] == 0xe0) low = 0xa0;
  if (byte[0] == 0xed) high = 0x9f;
  if (byte[0] == 0xf0) low = 0x90;
  if (byte[0] == 0xf4) high = 0x8f;
  if (byte[1] < low || byte[1] > high) return 0;
  for (size_t i = 2; i < n; ++i) {
    if ((byte[i] & 0xc0) != 0x80) return 0;
  }
  return n;
}

/* Where text stops being UTF-8 without NUL; len when it never does. */
static inline size_t phi_utf8_valid_prefix(const char* text, size_t len) {
  size_t at = 0;
  while (at < len && text[at] != '\0') {
    const size_t n = phi_utf8_length(text + at, len - at);
    if (n == 0) break;
    at += n;
  }
  return at;
}

#endif
