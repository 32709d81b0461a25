// Sampler: logits and a token mask to one token: greedy, or temperature with top-k, min-p and top-p, in that
// order, from the process's own seed.
//
// Ownership: a SamplerState belongs to one sequence; a copy continues alike until it is reseeded (fork).
// Threads: one at a time; pure beside its state. Units: mask bits, one a token, lowest bit first; temperature
// 0 is greedy. Errors: -1 when the mask admits nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace phios {

struct SamplerParams {
  float temperature = 0;
  int32_t top_k = 0;  // 0: all
  float top_p = 1;    // 1: all
  float min_p = 0;    // least probability, relative to the likeliest
};

class SamplerState {
 public:
  SamplerState() = default;
  SamplerState(const SamplerParams& params, uint64_t seed) : params_(params), seed_(seed) {}
  void reseed(uint64_t seed) { seed_ = seed, drawn_ = 0; }
  const SamplerParams& params() const { return params_; }
  double uniform();  // [0, 1), the next of the seed's sequence

 private:
  friend int32_t sample(SamplerState&, std::span<float>, std::span<const uint64_t>);
  struct Candidate {
    float logit;
    int32_t token;
  };
  SamplerParams params_;
  uint64_t seed_ = 0, drawn_ = 0;
  std::vector<Candidate> candidates_;  // kept, so that nothing is allocated once warm
  std::vector<float> weights_;
};

// The token that comes next; ties go to the smaller id. An empty mask admits every token.
int32_t sample(SamplerState& state, std::span<float> logits, std::span<const uint64_t> mask);

}  // namespace phios
