// Lua patterns with a bound on the work: Lua's own matcher runs for ever on some pattern and subject, and no
// hook fires inside it. The language is that of the reference manual, section 6.4.1.
//
// Ownership: subject and pattern are borrowed for the Match's life. Threads: plain values. Errors: a constant
// text in `error`; the match is then over. Plain data all through: Lua may longjmp over it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace phios::lua {

inline constexpr int kCapturesMax = 32;
inline constexpr int kMatchDepth = 100;             // items of a pattern that may backtrack, nested
inline constexpr uint64_t kMatchSteps = 8'000'000;  // of one call of the library: under half a second

struct Match {
  static constexpr ptrdiff_t kOpen = -1, kPosition = -2;
  struct Capture {
    const char* start;
    ptrdiff_t len;  // or kOpen, kPosition
  };

  Match(std::string_view subject_text, std::string_view pattern_text)
      : subject(subject_text.data()),
        subject_end(subject + subject_text.size()),
        pattern(pattern_text.data()),
        pattern_end(pattern + pattern_text.size()) {}

  // The end of the match that begins at `from` (a place in the subject), or null: no match, or `error`.
  const char* at(const char* from) {
    level = 0;
    depth = 0;
    return run(from, pattern);
  }

  const char* subject;
  const char* subject_end;
  const char* pattern;  // after a leading "^", which the caller takes off
  const char* pattern_end;
  uint64_t steps_left = kMatchSteps;
  int level = 0;
  Capture captures[kCapturesMax];
  const char* error = nullptr;

 private:
  const char* run(const char* s, const char* p);
  const char* item(const char* s, const char* p, bool& tail, const char*& next);
  const char* fail(const char* why);
  const char* class_end(const char* p);
  bool one(const char* s, const char* p, const char* p_end) const;
  const char* greedy(const char* s, const char* p, const char* p_end);
  const char* lazy(const char* s, const char* p, const char* p_end);
  const char* balance(const char* s, const char* p);
  const char* open(const char* s, const char* p, ptrdiff_t len);
  const char* close(const char* s, const char* p);
  const char* back_reference(const char* s, char digit);
  bool frontier(const char* s, const char* set, const char* set_end) const;
  bool spend();

  int depth = 0;
};

}  // namespace phios::lua
