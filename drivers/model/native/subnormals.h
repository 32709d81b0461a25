// FlushSubnormals: while one lives, its thread takes floats below 2^-126 for zero.
//
// An x86 core needs a hundred cycles and more for an operation that meets such a number, and attention makes
// them by the thousand where it is sure of itself: the weight of a position that scores 88 below the best is
// one. No sum that has the best position in it, with weight 1, changes by them. f16 has subnormals of its
// own, which conversions keep.
//
// Threads: the state is the thread's, and goes to threads that it starts; others stay as they are.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace phios {

class FlushSubnormals {
 public:
#if defined(__x86_64__)
  FlushSubnormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
  }
  ~FlushSubnormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#else
  FlushSubnormals() {}
  ~FlushSubnormals() {}
#endif

 public:
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;
};

}  // namespace phios
