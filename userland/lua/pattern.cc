#include "userland/lua/pattern.h"

#include <cctype>
#include <cstring>

namespace phios::lua {
namespace {

unsigned char byte(const char* p) { return static_cast<unsigned char>(*p); }

bool in_class(unsigned char c, char name) {
  bool in = false;
  switch (std::tolower(static_cast<unsigned char>(name))) {
    case 'a':
      in = std::isalpha(c);
      break;
    case 'c':
      in = std::iscntrl(c);
      break;
    case 'd':
      in = std::isdigit(c);
      break;
    case 'g':
      in = std::isgraph(c);
      break;
    case 'l':
      in = std::islower(c);
      break;
    case 'p':
      in = std::ispunct(c);
      break;
    case 's':
      in = std::isspace(c);
      break;
    case 'u':
      in = std::isupper(c);
      break;
    case 'w':
      in = std::isalnum(c);
      break;
    case 'z':
      in = c == 0;
      break;
    case 'x':
      in = std::isxdigit(c);
      break;
    default:
      return static_cast<unsigned char>(name) == c;
  }
  return std::isupper(static_cast<unsigned char>(name)) ? !in : in;
}

// p is at "[", last at its "]".
bool in_set(unsigned char c, const char* p, const char* last) {
  bool positive = true;
  if (p[1] == '^') {
    positive = false;
    ++p;
  }
  while (++p < last) {
    if (*p == '%') {
      if (in_class(c, *++p)) return positive;
    } else if (p[1] == '-' && p + 2 < last) {
      if (byte(p) <= c && c <= byte(p + 2)) return positive;
      p += 2;
    } else if (byte(p) == c) {
      return positive;
    }
  }
  return !positive;
}

}  // namespace

const char* Match::fail(const char* why) {
  if (!error) error = why;
  return nullptr;
}

bool Match::spend() {
  if (steps_left > 0) return --steps_left, true;
  fail("the pattern costs too much on this subject; use a simpler pattern or a shorter subject");
  return false;
}

// The end of the single-character class at p.
const char* Match::class_end(const char* p) {
  char c = *p++;
  if (c == '%') return p < pattern_end ? p + 1 : fail("malformed pattern (ends with '%')");
  if (c != '[') return p;
  if (p < pattern_end && *p == '^') ++p;
  do {  // the first "]" is a member
    if (p == pattern_end) return fail("malformed pattern (missing ']')");
    if (*p++ == '%') {
      if (p == pattern_end) return fail("malformed pattern (missing ']')");
      ++p;
    }
  } while (p == pattern_end || *p != ']');
  return p + 1;
}

bool Match::one(const char* s, const char* p, const char* p_end) const {
  if (s >= subject_end) return false;
  switch (*p) {
    case '.':
      return true;
    case '%':
      return in_class(byte(s), p[1]);
    case '[':
      return in_set(byte(s), p, p_end - 1);
    default:
      return *p == *s;
  }
}

const char* Match::greedy(const char* s, const char* p, const char* p_end) {
  ptrdiff_t n = 0;
  while (one(s + n, p, p_end)) {
    if (!spend()) return nullptr;
    ++n;
  }
  for (; n >= 0; --n) {
    if (const char* end = run(s + n, p_end + 1)) return end;
    if (error) return nullptr;
  }
  return nullptr;
}

const char* Match::lazy(const char* s, const char* p, const char* p_end) {
  while (true) {
    if (const char* end = run(s, p_end + 1)) return end;
    if (error || !one(s, p, p_end)) return nullptr;
    ++s;
  }
}

const char* Match::balance(const char* s, const char* p) {
  if (pattern_end - p < 2) return fail("malformed pattern (missing arguments to '%b')");
  if (s >= subject_end || *s != *p) return nullptr;
  int open_count = 1;
  while (++s < subject_end) {
    if (!spend()) return nullptr;
    if (*s == p[1]) {
      if (--open_count == 0) return s + 1;
    } else if (*s == *p) {
      ++open_count;
    }
  }
  return nullptr;
}

const char* Match::open(const char* s, const char* p, ptrdiff_t len) {
  if (level >= kCapturesMax) return fail("too many captures");
  captures[level] = {s, len};
  ++level;
  const char* end = run(s, p);
  if (!end) --level;
  return end;
}

const char* Match::close(const char* s, const char* p) {
  int l = level - 1;
  while (l >= 0 && captures[l].len != kOpen) --l;
  if (l < 0) return fail("invalid pattern capture");
  captures[l].len = s - captures[l].start;
  const char* end = run(s, p);
  if (!end) captures[l].len = kOpen;
  return end;
}

const char* Match::back_reference(const char* s, char digit) {
  int l = digit - '1';
  if (l < 0 || l >= level || captures[l].len < 0) return fail("invalid capture index in the pattern");
  auto len = static_cast<size_t>(captures[l].len);
  if (steps_left < len) return spend(), fail("the pattern costs too much on this subject");
  steps_left -= len;
  if (static_cast<size_t>(subject_end - s) < len || std::memcmp(captures[l].start, s, len) != 0)
    return nullptr;
  return s + len;
}

bool Match::frontier(const char* s, const char* set, const char* set_end) const {
  unsigned char before = s == subject ? 0 : byte(s - 1), here = s < subject_end ? byte(s) : 0;
  return !in_set(before, set, set_end - 1) && in_set(here, set, set_end - 1);
}

// One item at p. tail: the item is matched up to the returned place and matching goes on at `next`; else the
// returned value is that of the whole rest.
const char* Match::item(const char* s, const char* p, bool& tail, const char*& next) {
  tail = false;
  if (*p == '(')
    return p + 1 < pattern_end && p[1] == ')' ? open(s, p + 2, kPosition) : open(s, p + 1, kOpen);
  if (*p == ')') return close(s, p + 1);
  if (*p == '$' && p + 1 == pattern_end) return s == subject_end ? s : nullptr;
  if (*p == '%' && p + 1 < pattern_end) {
    if (p[1] == 'b') {
      tail = true;
      next = p + 4;
      return balance(s, p + 2);
    }
    if (p[1] == 'f') {
      const char* set = p + 2;
      if (set >= pattern_end || *set != '[') return fail("missing '[' after '%f' in pattern");
      next = class_end(set);
      tail = true;
      return next && frontier(s, set, next) ? s : nullptr;
    }
    if (std::isdigit(byte(p + 1))) {
      tail = true;
      next = p + 2;
      return back_reference(s, p[1]);
    }
  }
  const char* p_end = class_end(p);
  if (!p_end) return nullptr;
  switch (p_end < pattern_end ? *p_end : '\0') {
    case '*':
      return greedy(s, p, p_end);
    case '+':
      return one(s, p, p_end) ? greedy(s + 1, p, p_end) : nullptr;
    case '-':
      return lazy(s, p, p_end);
    case '?':
      if (one(s, p, p_end)) {
        if (const char* end = run(s + 1, p_end + 1)) return end;
        if (error) return nullptr;
      }
      tail = true;
      next = p_end + 1;
      return s;
    default:
      tail = true;
      next = p_end;
      return one(s, p, p_end) ? s + 1 : nullptr;
  }
}

const char* Match::run(const char* s, const char* p) {
  if (++depth > kMatchDepth) return fail("pattern too complex");
  bool tail = true;
  while (s && tail && p != pattern_end) {
    const char* next = nullptr;
    s = spend() ? item(s, p, tail, next) : nullptr;
    p = next;
  }
  --depth;
  return s;
}

}  // namespace phios::lua
