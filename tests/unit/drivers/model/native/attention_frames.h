// Frames of known keys and values, and what attention to them is by plain sums in double.
//
// Ownership: owns the frames that its spans borrow. Threads: one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "drivers/model/native/attention.h"
#include "kernel/base/half.h"
#include "mm/codec.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios::testing_support {

// Frames full of gaussian keys and values, in any tier; a page's channels of keys differ in width. Positions
// that are not in use are NaN in f16.
class Frames {
 public:
  explicit Frames(KvShape shape, uint32_t seed = 1) : shape_(shape), random_(seed) {}

  KvSpan add(KvTier tier, uint32_t first_pos, uint32_t n = PHI_PAGE_TOKENS) {
    std::byte* f16 = allocate(shape_.frame_bytes());
    std::normal_distribution<float> normal;
    std::vector<float> widths(shape_.head_dim);
    for (float& width : widths) width = std::exp2(-static_cast<float>(random_() % 4));
    for (uint32_t layer = 0; layer < shape_.n_layers; ++layer)
      for (uint32_t head = 0; head < shape_.n_kv_heads; ++head)
        for (uint32_t t = 0; t < PHI_PAGE_TOKENS; ++t)
          for (uint32_t c = 0; c < shape_.head_dim; ++c) {
            key(f16, layer, head, t, c) = t < n ? f32_to_f16(widths[c] * normal(random_)) : uint16_t{0x7e00};
            value(f16, layer, head, t, c) = t < n ? f32_to_f16(normal(random_)) : uint16_t{0x7e00};
          }
    for (uint32_t i = 0; i < shape_.n_layers * shape_.n_kv_heads; ++i) {
      const uint32_t layer = i / shape_.n_kv_heads, head = i % shape_.n_kv_heads;
      write_key_ranges(&key(f16, layer, head, 0, 0), shape_.head_dim,
                       f16 + shape_.key_range_offset(KvTier::kF16, layer, head));
    }
    if (tier == KvTier::kF16) return {f16, tier, first_pos, n};
    std::byte* cold = allocate(shape_.frame_bytes(tier));
    encode_frame(shape_, f16, n, tier, cold);
    return {cold, tier, first_pos, n};
  }
  uint16_t& key(std::byte* f16, uint32_t layer, uint32_t head, uint32_t t, uint32_t c) const {
    return reinterpret_cast<uint16_t*>(f16 +
                                       shape_.key_offset(KvTier::kF16, layer, head))[c * PHI_PAGE_TOKENS + t];
  }
  uint16_t& value(std::byte* f16, uint32_t layer, uint32_t head, uint32_t t, uint32_t c) const {
    return reinterpret_cast<uint16_t*>(
        f16 + shape_.value_offset(KvTier::kF16, layer, head))[t * shape_.head_dim + c];
  }

  // What one query head sees from `position`: the pages that positions lie in, their weights and values.
  struct Seen {
    size_t page;
    double weight;
    std::vector<double> value;
  };
  std::vector<Seen> seen(std::span<const KvSpan> kv, uint32_t layer, uint32_t head, const float* q,
                         uint32_t position, const AttentionRule& rule = {}) const {
    const double scale = rule.scale > 0 ? static_cast<double>(rule.scale)
                                        : 1 / std::sqrt(static_cast<double>(shape_.head_dim));
    const double cap = static_cast<double>(rule.cap);
    std::vector<Seen> all;
    std::vector<std::byte> plain(shape_.frame_bytes());
    for (const KvSpan& span : kv) {
      if (span.tier == KvTier::kF16)
        std::copy_n(span.frame, plain.size(), plain.data());
      else
        decode_frame(shape_, span.tier, span.frame, plain.data());
      for (uint32_t t = 0; t < span.n && span.first_pos + t <= position; ++t) {
        if (rule.window > 0 && position - (span.first_pos + t) >= rule.window) continue;
        double score = 0;
        std::vector<double> v(shape_.head_dim);
        for (uint32_t c = 0; c < shape_.head_dim; ++c) {
          score += static_cast<double>(q[c]) *
                   static_cast<double>(f16_to_f32(key(plain.data(), layer, head, t, c)));
          v[c] = static_cast<double>(f16_to_f32(value(plain.data(), layer, head, t, c)));
        }
        score = cap > 0 ? cap * std::tanh(score * scale / cap) : score * scale;
        all.push_back({static_cast<size_t>(&span - kv.data()), score, std::move(v)});
      }
    }
    const double peak = std::ranges::max_element(all, {}, &Seen::weight)->weight;
    double sum = 0;
    for (Seen& one : all) sum += one.weight = std::exp(one.weight - peak);
    for (Seen& one : all) one.weight /= sum;
    return all;
  }

  // One query head's attention at `position`.
  std::vector<float> reference(std::span<const KvSpan> kv, uint32_t layer, uint32_t head, const float* q,
                               uint32_t position, const AttentionRule& rule = {}) const {
    std::vector<double> out(shape_.head_dim);
    for (const Seen& one : seen(kv, layer, head, q, position, rule))
      for (size_t c = 0; c < out.size(); ++c) out[c] += one.weight * one.value[c];
    return {out.begin(), out.end()};
  }

 private:
  std::byte* allocate(size_t bytes) {
    frames_.emplace_back(static_cast<std::byte*>(std::aligned_alloc(64, bytes)));
    return frames_.back().get();
  }

  KvShape shape_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<std::byte, FreeDeleter>> frames_;
};

}  // namespace phios::testing_support
