#include "drivers/model/native/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace phios {

namespace {

// The pair that makes so many turns over the original context, by the paper's (17).
double pair_of_turns(const RopeConfig& c, uint32_t n_rot, double turns) {
  return n_rot * std::log(c.original_context / (turns * 2 * std::numbers::pi)) / (2 * std::log(c.base));
}

}  // namespace

Rope::Rope(const RopeConfig& c, uint32_t n_rot, bool neox, std::span<const float> factors)
    : frequencies_(n_rot / 2), magnitude_(c.magnitude), neox_(neox) {
  double low = 0, high = 0;
  if (c.yarn) {
    low = std::max(0.0, std::floor(pair_of_turns(c, n_rot, c.beta_fast)));
    high = std::min(n_rot - 1.0, std::ceil(pair_of_turns(c, n_rot, c.beta_slow)));
    magnitude_ *= 1 - 0.1 * std::log(c.scale);
  }
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    const double pair = static_cast<double>(i);
    double frequency = std::pow(c.base, -2.0 * pair / n_rot);
    if (!factors.empty()) frequency /= static_cast<double>(factors[i]);
    double scale = c.scale;
    if (c.yarn) {
      const double scaled = std::clamp((pair - low) / std::max(0.001, high - low), 0.0, 1.0);
      scale = scaled * c.scale + (1 - scaled);
    }
    frequencies_[i] = frequency * scale;
  }
}

void Rope::turn(uint32_t position, float* table) const {
  const size_t half = frequencies_.size();
  float* cosines = table;
  float* sines = table + 2 * half;
  for (size_t i = 0; i < half; ++i) {
    const double angle = position * frequencies_[i];
    const size_t a = neox_ ? i : 2 * i;
    const size_t b = neox_ ? i + half : 2 * i + 1;
    cosines[a] = cosines[b] = static_cast<float>(std::cos(angle) * magnitude_);
    sines[b] = static_cast<float>(std::sin(angle) * magnitude_);
    sines[a] = -sines[b];
  }
}

}  // namespace phios
