#include "kernel/sched/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernel/base/env.h"

namespace phios {

namespace {

// Calls visit(token) for every admitted token, in ascending order, a word of the mask at a time.
template <class Visit>
void for_admitted(size_t n, std::span<const uint64_t> mask, Visit&& visit) {
  if (mask.empty()) {
    for (size_t token = 0; token < n; token++) visit(token);
    return;
  }
  for (size_t word = 0; word < mask.size(); word++) {
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      const size_t token = word * 64 + static_cast<size_t>(std::countr_zero(bits));
      if (token < n) visit(token);
    }
  }
}

int32_t greedy(std::span<const float> logits, std::span<const uint64_t> mask) {
  int32_t best = -1;
  float largest = -INFINITY;
  for_admitted(logits.size(), mask, [&](size_t token) {
    if (best < 0 || logits[token] > largest) {
      largest = logits[token];
      best = static_cast<int32_t>(token);
    }
  });
  return best;
}

}  // namespace

double SamplerState::uniform() { return static_cast<double>(derive_seed(seed_, drawn_++) >> 11) * 0x1.0p-53; }

int32_t sample(SamplerState& state, std::span<float> logits, std::span<const uint64_t> mask) {
  const SamplerParams& params = state.params_;
  if (params.temperature <= 0) return greedy(logits, mask);
  auto& candidates = state.candidates_;
  candidates.clear();
  for_admitted(logits.size(), mask,
               [&](size_t token) { candidates.push_back({logits[token], static_cast<int32_t>(token)}); });
  if (candidates.empty()) return -1;

  const auto likelier = [](const SamplerState::Candidate& a, const SamplerState::Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  size_t n = candidates.size();
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < n) {
    n = static_cast<size_t>(params.top_k);
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(n), candidates.end(),
                      likelier);
  } else {
    std::sort(candidates.begin(), candidates.end(), likelier);
  }
  auto& weights = state.weights_;
  weights.resize(n);
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    weights[i] = std::exp((candidates[i].logit - candidates[0].logit) / params.temperature);
    sum += static_cast<double>(weights[i]);
  }
  // The likeliest weighs 1; min-p keeps what weighs at least min_p, top-p the fewest that together reach
  // top_p.
  double kept = 0;
  size_t last = 0;
  for (; last < n; last++) {
    if (last > 0 && (weights[last] < params.min_p || kept >= static_cast<double>(params.top_p) * sum)) break;
    kept += static_cast<double>(weights[last]);
  }
  double draw = state.uniform() * kept;
  for (size_t i = 0; i < last; i++) {
    draw -= static_cast<double>(weights[i]);
    if (draw < 0) return candidates[i].token;
  }
  return candidates[last - 1].token;
}

}  // namespace phios
