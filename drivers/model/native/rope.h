// Rope: the angles of rotary position embeddings (arXiv 2104.09864), with what stretches them over contexts
// longer than those of training: linear interpolation (arXiv 2306.15595), YaRN (arXiv 2309.00071), and a
// factor for each frequency, as Llama 3.1 and LongRoPE (arXiv 2402.13753) have them in a tensor.
//
// Ownership: a plain value. Threads: immutable once made. Units: elements of a head, positions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace phios {

struct RopeConfig {
  double base = 10000.0;
  double scale = 1.0;      // positions are multiplied by it
  double magnitude = 1.0;  // cosines and sines are multiplied by it
  bool yarn = false;       // only what turns slowly is scaled; needs original_context
  double beta_fast = 32;   // turns over the original context from which on nothing is scaled
  double beta_slow = 1;    // and below which all is
  uint32_t original_context = 0;

  bool operator==(const RopeConfig&) const = default;
};

class Rope {
 public:
  Rope() = default;
  // The first n_rot elements of a head turn; neox: element i with i + n_rot / 2, else with its neighbour.
  // `factors` divides each pair's frequency (n_rot / 2 floats), or is empty.
  Rope(const RopeConfig& config, uint32_t n_rot, bool neox, std::span<const float> factors);

  // The angles of one position, as Kernels::rope takes them: table_size() floats, for each element the
  // cosine, then the signed sine.
  void turn(uint32_t position, float* table) const;
  size_t table_size() const { return 4 * frequencies_.size(); }
  double magnitude() const { return magnitude_; }
  std::span<const double> frequencies() const { return frequencies_; }  // of each pair: radians a position

 private:
  std::vector<double> frequencies_;
  double magnitude_ = 1;
  bool neox_ = false;
};

}  // namespace phios
