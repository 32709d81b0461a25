// The median of a few measurements.
#pragma once

#include <algorithm>
#include <vector>

namespace phios {

// values: at least one. Of an even number, the larger of the two in the middle.
inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

}  // namespace phios
