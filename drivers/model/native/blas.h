// What callers of OpenBLAS share: its type of sizes, and the softmax between two products.
//
// Ownership, threads: pure functions. Errors: none.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace phios {

inline int blas(size_t n) { return static_cast<int>(n); }

// Scores become weights that sum up to 1; there is at least one.
inline void softmax(std::span<float> row) {
  const float peak = *std::ranges::max_element(row);
  float sum = 0;
  for (float& s : row) sum += s = std::exp(s - peak);
  for (float& s : row) s /= sum;
}

}  // namespace phios
