// Sampler: from logits to a token, under a mask: greedy, temperature, top-k, top-p, min-p.
//
// Ownership: SamplerState is a plain value; a fork copies it (and may reseed it). Threads: pure but for the
// state and the logits, which are overwritten. Nothing allocates. Errors: none; -1 if the mask admits no
// token.
//
// The filters apply in this order to the admitted tokens: temperature, top-k, top-p over what is left, min-p
// against the largest. What ties with the last one kept is kept by lower id first. A NaN is never chosen.
#pragma once

#include <cstdint>
#include <span>

namespace phios {

struct SamplerParams {
  float temperature = 0;  // 0: greedy
  int32_t top_k = 0;      // 0: all
  float top_p = 1;        // 1: all
  float min_p = 0;        // least probability, relative to the likeliest; 0: all
};

class SamplerState {
 public:
  SamplerState() = default;
  SamplerState(const SamplerParams& params, uint64_t seed) : params_(params), seed_(seed) {}

  const SamplerParams& params() const { return params_; }
  void reseed(uint64_t seed) { seed_ = seed, draws_ = 0; }
  double uniform();  // the next number in [0, 1)

 private:
  SamplerParams params_;
  uint64_t seed_ = 0;
  uint64_t draws_ = 0;  // numbers taken so far
};

// mask: a bit for each token (bit i % 64 of word i / 64), (logits.size() + 63) / 64 words at least; empty:
// all are admitted.
int32_t sample(SamplerState& state, std::span<float> logits, std::span<const uint64_t> mask);

// The likeliest admitted token, and the likeliest but that one; -1: there is none. The logits are as they
// were on return.
int32_t likeliest(std::span<const float> logits, std::span<const uint64_t> mask);
int32_t runner_up(std::span<float> logits, std::span<const uint64_t> mask, int32_t best);

}  // namespace phios
