#include "kernel/sched/sampler.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "kernel/base/env.h"

namespace phios {

namespace {

constexpr size_t kWord = 64;

uint64_t mask_word(std::span<const uint64_t> mask, size_t word, size_t n) {
  const size_t left = n - word * kWord;
  const uint64_t valid = left >= kWord ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  return mask.empty() ? valid : mask[word] & valid;
}

// The first admitted token, for when no logit is a number; -1: none is admitted.
int32_t first_admitted(std::span<const uint64_t> mask, size_t n) {
  for (size_t word = 0; word * kWord < n; ++word)
    if (const uint64_t bits = mask_word(mask, word, n))
      return static_cast<int32_t>(word * kWord + static_cast<size_t>(std::countr_zero(bits)));
  return -1;
}

int32_t argmax_plain(std::span<const float> logits, std::span<const uint64_t> mask) {
  int32_t best = -1;
  float peak = -INFINITY;
  for (size_t word = 0, n = logits.size(); word * kWord < n; ++word)
    for (uint64_t bits = mask_word(mask, word, n); bits; bits &= bits - 1) {
      const size_t i = word * kWord + static_cast<size_t>(std::countr_zero(bits));
      if (!(logits[i] > peak)) continue;
      peak = logits[i];
      best = static_cast<int32_t>(i);
    }
  return best >= 0 ? best : first_admitted(mask, logits.size());
}

#if defined(__x86_64__)
// 16 lanes, each with the largest that it saw first; the lowest id among equals wins at the end.
__attribute__((target("avx512f"))) int32_t argmax_avx512(std::span<const float> logits,
                                                         std::span<const uint64_t> mask) {
  const size_t n = logits.size();
  __m512 peak = _mm512_set1_ps(-INFINITY);
  __m512i best = _mm512_set1_epi32(-1);
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (size_t word = 0; word * kWord < n; ++word) {
    uint64_t bits = mask_word(mask, word, n);
    for (size_t i = word * kWord; bits; bits >>= 16, i += 16) {
      const auto admitted = static_cast<__mmask16>(bits);
      const __m512 x = _mm512_maskz_loadu_ps(admitted, logits.data() + i);
      const __mmask16 larger = _mm512_mask_cmp_ps_mask(admitted, x, peak, _CMP_GT_OQ);
      peak = _mm512_mask_mov_ps(peak, larger, x);
      best = _mm512_mask_add_epi32(best, larger, lanes, _mm512_set1_epi32(static_cast<int>(i)));
    }
  }
  alignas(64) std::array<float, 16> peaks;
  alignas(64) std::array<int32_t, 16> ids;
  _mm512_store_ps(peaks.data(), peak);
  _mm512_store_si512(ids.data(), best);
  int32_t winner = -1;
  float largest = -INFINITY;
  for (size_t l = 0; l < ids.size(); ++l)
    if (ids[l] >= 0 && (peaks[l] > largest || (peaks[l] == largest && ids[l] < winner)))
      largest = peaks[l], winner = ids[l];
  return winner >= 0 ? winner : first_admitted(mask, n);
}
#endif

using Argmax = int32_t (*)(std::span<const float>, std::span<const uint64_t>);

Argmax choose_argmax() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return argmax_avx512;
#endif
  return argmax_plain;
}

// A histogram over the top bits of the weights (floats above 0 sort like their bits), then over the next ones
// within the bin where the limit falls: a threshold without sorting, and without memory.
constexpr int kDigitBits = 8;
constexpr uint32_t kBins = 1u << kDigitBits;

// The bits of the largest threshold such that what is at or above it reaches `limit`, counting each as
// `measure` says; `above` receives what is strictly above it. 0: everything together does not reach it.
template <class Measure>
uint32_t threshold(std::span<const float> weights, double limit, Measure measure, double& above) {
  uint32_t prefix = 0;
  above = 0;
  for (int shift = 32 - kDigitBits; shift >= 0; shift -= kDigitBits) {
    std::array<double, kBins> bins{};
    for (const float w : weights) {
      const auto bits = std::bit_cast<uint32_t>(w);
      if (bits == 0) continue;
      if (shift + kDigitBits < 32 && (bits >> (shift + kDigitBits)) != prefix) continue;
      bins[(bits >> shift) & (kBins - 1)] += measure(w);
    }
    uint32_t bin = kBins - 1;
    for (; bin > 0 && above + bins[bin] < limit; --bin) above += bins[bin];
    if (bin == 0 && above + bins[0] < limit) return 0;
    prefix = (prefix << kDigitBits) | bin;
  }
  return prefix;
}

// Drops what is below the threshold, and of those that equal it the last ones, beyond `ties`.
void keep_from(std::span<float> weights, uint32_t least, double ties) {
  for (float& w : weights) {
    const auto bits = std::bit_cast<uint32_t>(w);
    if (bits > least) continue;
    if (bits == least && ties > 0)
      ties -= 1;
    else
      w = 0;
  }
}

void keep_top_k(std::span<float> weights, int32_t k) {
  double above = 0;
  const uint32_t least = threshold(weights, k, [](float) { return 1.0; }, above);
  if (least != 0) keep_from(weights, least, k - above);
}

void keep_top_p(std::span<float> weights, float p) {
  double sum = 0;
  for (const float w : weights) sum += static_cast<double>(w);
  const double limit = sum * static_cast<double>(p);
  double above = 0;
  const uint32_t least = threshold(weights, limit, [](float w) { return static_cast<double>(w); }, above);
  if (least == 0) return;
  const double ties = std::ceil((limit - above) / static_cast<double>(std::bit_cast<float>(least)));
  keep_from(weights, least, std::max(ties, 1.0));
}

// Logits become weights in place: 1 for the best, 0 for what is not admitted, is no number, or is negligible.
void to_weights(std::span<float> logits, std::span<const uint64_t> mask, float peak, float temperature) {
  constexpr float kNegligible = -80.0f;  // as a power of e
  for (size_t word = 0, n = logits.size(); word * kWord < n; ++word) {
    const uint64_t bits = mask_word(mask, word, n);
    for (size_t i = word * kWord, end = std::min(n, i + kWord); i < end; ++i) {
      const float x = (logits[i] - peak) / temperature;
      logits[i] = ((bits >> (i % kWord)) & 1) && x > kNegligible ? std::exp(x) : 0.0f;
    }
  }
}

}  // namespace

double SamplerState::uniform() { return static_cast<double>(derive_seed(seed_, draws_++) >> 11) * 0x1p-53; }

int32_t likeliest(std::span<const float> logits, std::span<const uint64_t> mask) {
  static const Argmax argmax = choose_argmax();
  return argmax(logits, mask);
}

int32_t sample(SamplerState& state, std::span<float> logits, std::span<const uint64_t> mask) {
  const SamplerParams& params = state.params();
  const int32_t best = likeliest(logits, mask);
  if (best < 0 || !(params.temperature > 0)) return best;
  const float peak = logits[static_cast<size_t>(best)];
  if (!std::isfinite(peak)) return best;
  to_weights(logits, mask, peak, params.temperature);
  if (params.top_k > 0) keep_top_k(logits, params.top_k);
  if (params.top_p < 1) keep_top_p(logits, std::max(params.top_p, 0.0f));
  double total = 0;
  for (float& w : logits) {
    if (w < params.min_p) w = 0;
    total += static_cast<double>(w);
  }
  double rest = state.uniform() * total;
  int32_t last = best;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] <= 0) continue;
    last = static_cast<int32_t>(i);
    rest -= static_cast<double>(logits[i]);
    if (rest < 0) return last;
  }
  return last;
}

int32_t runner_up(std::span<float> logits, std::span<const uint64_t> mask, int32_t best) {
  float& first = logits[static_cast<size_t>(best)];
  const float logit = std::exchange(first, -INFINITY);
  const int32_t second = likeliest(logits, mask);
  first = logit;
  return second == best ? -1 : second;
}

}  // namespace phios
