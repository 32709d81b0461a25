// What queries gathered of one part of their pages, merged with what they gathered of another: online softmax
// (arXiv 1805.02867). For attention_impl.h, over its Vec.
#pragma once

#include <cmath>
#include <cstring>

#include "drivers/model/native/attention_kernels.h"

namespace phios {
namespace {

// Merges what one query gathered elsewhere into `into`: `keep` of what is there, `take` of what comes.
inline void merge_one(const AttentionState& into, const AttentionState& from, float keep, float take,
                      size_t dim) {
  if (*from.peak == -INFINITY) return;
  if (*into.peak == -INFINITY) {
    *into.peak = *from.peak;
    *into.sum = *from.sum;
    std::memcpy(into.out, from.out, dim * sizeof(float));
    return;
  }
  const Vec kept = vec_set(keep), taken = vec_set(take);
  float sums[kLanes];
  vec_store(sums, vec_fma(vec_set(*from.sum), taken, vec_mul(vec_set(*into.sum), kept)));
  *into.peak = *into.peak > *from.peak ? *into.peak : *from.peak;
  *into.sum = sums[0];
  for (size_t d = 0; d < dim; d += kLanes)
    vec_store(into.out + d, vec_fma(vec_load(from.out + d), taken, vec_mul(vec_load(into.out + d), kept)));
}

// The same of n ≤ kFew queries. Their powers are computed at once: each alone would be waited for.
constexpr size_t kFew = kLanes / 2;
inline __attribute__((always_inline)) void merge_few(const AttentionState& into, const AttentionState& from,
                                                     size_t n, size_t dim) {
  float powers[kLanes] = {};
  bool meet = false;
  for (size_t i = 0; i < n; ++i) {
    const float there = into.peak[i], comes = from.peak[i], largest = there > comes ? there : comes;
    powers[i] = there - largest;
    powers[kFew + i] = comes - largest;
    meet |= there != -INFINITY && comes != -INFINITY;
  }
  if (meet) vec_store(powers, vec_exp2(vec_load(powers)));
  for (size_t i = 0; i < n; ++i)
    merge_one(into.from(i, dim), from.from(i, dim), powers[i], powers[kFew + i], dim);
}

void merge(const AttentionState& into, const AttentionState& from, size_t n, size_t dim) {
  for (size_t i = 0; i < n; i += kFew)
    merge_few(into.from(i, dim), from.from(i, dim), n - i < kFew ? n - i : kFew, dim);
}

}  // namespace
}  // namespace phios
