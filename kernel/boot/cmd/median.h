// The median of a few measurements.
#pragma once

#include <algorithm>
#include <vector>

namespace phios {

// values: at least one. Of an even number, the mean of the two in the middle.
inline double median(std::vector<double> values) {
  const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), half, values.end());
  return values.size() % 2 != 0 ? *half : (*std::max_element(values.begin(), half) + *half) / 2;
}

}  // namespace phios
