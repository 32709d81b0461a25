#include "mm/codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernel/base/half.h"

namespace phios {

namespace {

constexpr uint32_t kTokens = PHI_PAGE_TOKENS;
constexpr int kScaleExponentMin = -20;
constexpr unsigned kScaleFractionBits = 3;
constexpr unsigned kFloatFractionBits = 23;
constexpr int kFloatBias = 127;
constexpr float kHalfMax = 65504.0f;
// How many scales below the one that holds every number are tried: an octave for int2, where cutting off the
// tails pays, less for int4.
constexpr int scales_tried(KvTier tier) { return tier == KvTier::kInt2 ? 10 : tier == KvTier::kInt4 ? 3 : 0; }

float sane(float x) { return std::isnan(x) ? 0.0f : std::clamp(x, -kHalfMax, kHalfMax); }

struct Extent {
  float least, most;
};

Extent extent_of(std::span<const float> x) {
  Extent e{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
  for (const float v : x) e = {std::min(e.least, v), std::max(e.most, v)};
  return x.empty() ? Extent{0, 0} : e;
}

// The zero that puts the middle of the extent into the middle of the range.
float centred_zero(const Extent& e, float scale) {
  return (e.least + e.most) / (2 * scale) - static_cast<float>(kRangeSteps) / 2;
}

bool holds(const Extent& e, float scale, float zero) {
  return std::abs(zero) <= 127 && e.least >= scale * zero && e.most <= scale * (zero + kRangeSteps);
}

float squared_error(std::span<const float> x, KvTier tier, float scale, float zero) {
  const float step = kv_step(tier), most = static_cast<float>(kRangeSteps) / step;
  float sum = 0;
  for (const float v : x) {
    const float code = std::clamp(std::nearbyint((v / scale - zero) / step), 0.0f, most);
    const float error = scale * (zero + code * step) - v;
    sum += error * error;
  }
  return sum;
}

// The smallest scale that holds all of the extent.
KvRange holding_range(const Extent& e) {
  KvRange range = key_range(e.least, e.most);
  while (range.scale > 0) {
    const auto smaller = static_cast<uint8_t>(range.scale - 1);
    const float scale = kv_scale(smaller), zero = std::floor(e.least / scale);
    if (!holds(e, scale, zero)) break;
    range = {smaller, static_cast<int8_t>(zero)};
  }
  return range;
}

// codes of n numbers; the rest are 0.
void encode_run(std::span<const float> x, const KvRange& range, KvTier tier, std::byte* out) {
  const float scale = kv_scale(range.scale), step = kv_step(tier);
  const float most = static_cast<float>(kRangeSteps) / step;
  uint8_t codes[kTokens] = {};
  for (size_t i = 0; i < x.size(); ++i)
    codes[i] = static_cast<uint8_t>(
        std::clamp(std::nearbyint((x[i] / scale - static_cast<float>(range.zero)) / step), 0.0f, most));
  pack_codes(tier, codes, out);
}

void decode_run(const std::byte* in, const KvRange& range, KvTier tier, float* x) {
  uint8_t codes[kTokens];
  unpack_codes(tier, in, codes);
  const float scale = kv_scale(range.scale), step = kv_step(tier);
  for (uint32_t i = 0; i < kTokens; ++i)
    x[i] = scale * (static_cast<float>(range.zero) + static_cast<float>(codes[i]) * step);
}

// One head's keys or values as floats, [position][channel].
class Head {
 public:
  explicit Head(uint32_t head_dim) : dim_(head_dim), x_(size_t{kTokens} * head_dim) {}

  std::span<float> position(uint32_t t) { return {x_.data() + size_t{t} * dim_, dim_}; }

  void load_keys(const uint16_t* keys, uint32_t n) {
    for (uint32_t c = 0; c < dim_; ++c)
      for (uint32_t t = 0; t < n; ++t) position(t)[c] = sane(f16_to_f32(keys[c * kTokens + t]));
  }
  void load_values(const uint16_t* values, uint32_t n) {
    for (size_t i = 0; i < size_t{n} * dim_; ++i) x_[i] = sane(f16_to_f32(values[i]));
  }
  void store_keys(uint16_t* keys) {
    for (uint32_t c = 0; c < dim_; ++c)
      for (uint32_t t = 0; t < kTokens; ++t) keys[c * kTokens + t] = f32_to_f16(sane(position(t)[c]));
  }
  void store_values(uint16_t* values) {
    for (size_t i = 0; i < x_.size(); ++i) values[i] = f32_to_f16(sane(x_[i]));
  }
  void rotate(uint32_t n) {
    for (uint32_t t = 0; t < n; ++t) rotate_head(position(t));
  }

  void encode_keys(KvTier tier, uint32_t n, std::byte* codes) {
    const size_t run = kTokens * kv_bits(tier) / 8;
    std::byte* scales = codes + dim_ * run;
    float x[kTokens];
    for (uint32_t c = 0; c < dim_; ++c) {
      for (uint32_t t = 0; t < n; ++t) x[t] = position(t)[c];
      const KvRange range = fit_range({x, n}, tier);
      encode_run({x, n}, range, tier, codes + c * run);
      scales[c] = static_cast<std::byte>(range.scale);
      scales[dim_ + c] = static_cast<std::byte>(range.zero);
    }
  }
  void decode_keys(KvTier tier, const std::byte* codes) {
    const size_t run = kTokens * kv_bits(tier) / 8;
    const std::byte* scales = codes + dim_ * run;
    float x[kTokens];
    for (uint32_t c = 0; c < dim_; ++c) {
      const KvRange range{static_cast<uint8_t>(scales[c]), static_cast<int8_t>(scales[dim_ + c])};
      decode_run(codes + c * run, range, tier, x);
      for (uint32_t t = 0; t < kTokens; ++t) position(t)[c] = x[t];
    }
  }
  void encode_values(KvTier tier, uint32_t n, uint32_t groups, std::byte* codes) {
    const size_t run = kTokens * kv_bits(tier) / 8, width = dim_ / groups;
    std::byte* scales = codes + dim_ * run;  // as many codes as the keys have
    std::byte* zeros = scales + groups * kTokens;
    for (uint32_t t = 0; t < kTokens; ++t)
      for (uint32_t g = 0; g < groups; ++g) {
        const std::span<const float> x = position(t).subspan(g * width, t < n ? width : 0);
        const KvRange range = fit_range(x, tier);
        scales[g * kTokens + t] = static_cast<std::byte>(range.scale);
        zeros[g * kTokens + t] = static_cast<std::byte>(range.zero);
        std::byte* out = codes + (t * dim_ + g * width) / kTokens * run;
        for (size_t c = 0; c < width; c += kTokens, out += run)
          encode_run(x.empty() ? x : x.subspan(c, kTokens), range, tier, out);
      }
  }
  void decode_values(KvTier tier, uint32_t groups, const std::byte* codes) {
    const size_t run = kTokens * kv_bits(tier) / 8, width = dim_ / groups;
    const std::byte* scales = codes + dim_ * run;
    const std::byte* zeros = scales + groups * kTokens;
    for (uint32_t t = 0; t < kTokens; ++t)
      for (uint32_t c = 0; c < dim_; c += kTokens) {
        const size_t g = c / width * kTokens + t;
        const KvRange range{static_cast<uint8_t>(scales[g]), static_cast<int8_t>(zeros[g])};
        decode_run(codes + (t * dim_ + c) / kTokens * run, range, tier, position(t).data() + c);
      }
  }

 private:
  uint32_t dim_;
  std::vector<float> x_;
};

}  // namespace

float kv_scale(uint8_t scale) {
  const uint32_t bits = (uint32_t{scale} << (kFloatFractionBits - kScaleFractionBits)) +
                        (static_cast<uint32_t>(kFloatBias + kScaleExponentMin) << kFloatFractionBits);
  return std::bit_cast<float>(bits);
}

// A fourteenth of the extent leaves a step for the zero, which is rounded down; |zero| stays below 128.
KvRange key_range(float least, float most) {
  least = sane(least), most = sane(most);
  const float wanted =
      std::max((most - least) / (kRangeSteps - 1),
               std::max(std::abs(least), std::abs(most)) / std::numeric_limits<int8_t>::max());
  constexpr unsigned kShift = kFloatFractionBits - kScaleFractionBits;
  const auto first =
      static_cast<int32_t>(static_cast<uint32_t>(kFloatBias + kScaleExponentMin) << kFloatFractionBits);
  const int32_t above = std::bit_cast<int32_t>(wanted) - first + (1 << kShift) - 1;  // rounds up
  const auto scale = static_cast<uint8_t>(std::clamp(above >> kShift, 0, 255));
  return {scale, static_cast<int8_t>(std::clamp(std::floor(least / kv_scale(scale)), -128.0f, 127.0f))};
}

KvRange fit_range(std::span<const float> x, KvTier tier) {
  const Extent extent = extent_of(x);
  KvRange best = holding_range(extent);
  float least = squared_error(x, tier, kv_scale(best.scale), static_cast<float>(best.zero));
  for (int code = best.scale, end = std::max(code - scales_tried(tier), 0); code > end;) {
    --code;
    const float scale = kv_scale(static_cast<uint8_t>(code));
    const float zero = std::nearbyint(centred_zero(extent, scale));
    if (std::abs(zero) > 127) break;
    const float error = squared_error(x, tier, scale, zero);
    if (error < least) least = error, best = {static_cast<uint8_t>(code), static_cast<int8_t>(zero)};
  }
  return best;
}

void pack_codes(KvTier tier, const uint8_t (&codes)[PHI_PAGE_TOKENS], std::byte* out) {
  const auto word = [&](uint32_t first, uint32_t step, uint32_t bits) {
    uint32_t packed = 0;
    for (uint32_t i = first, at = 0; i < kTokens; i += step, at += bits) packed |= uint32_t{codes[i]} << at;
    for (int byte = 0; byte < 4; ++byte) *out++ = static_cast<std::byte>(packed >> (8 * byte));
  };
  if (tier == KvTier::kInt8) {
    std::memcpy(out, codes, sizeof codes);
  } else if (tier == KvTier::kInt4) {
    word(0, 2, 4);
    word(1, 2, 4);
  } else {
    word(0, 1, 2);
  }
}

void unpack_codes(KvTier tier, const std::byte* in, uint8_t (&codes)[PHI_PAGE_TOKENS]) {
  const auto word = [&](uint32_t first, uint32_t step, uint32_t bits) {
    uint32_t packed = 0;
    for (int byte = 0; byte < 4; ++byte) packed |= static_cast<uint32_t>(*in++) << (8 * byte);
    for (uint32_t i = first; i < kTokens; i += step, packed >>= bits)
      codes[i] = static_cast<uint8_t>(packed & ((1u << bits) - 1));
  };
  if (tier == KvTier::kInt8) {
    std::memcpy(codes, in, sizeof codes);
  } else if (tier == KvTier::kInt4) {
    word(0, 2, 4);
    word(1, 2, 4);
  } else {
    word(0, 1, 2);
  }
}

void rotate_head(std::span<float> x) {
  const size_t block = x.size() & (~x.size() + 1);
  const float norm = 1.0f / std::sqrt(static_cast<float>(block));
  for (size_t half = 1; half < block; half *= 2)
    for (size_t i = 0; i < x.size(); ++i)
      if ((i & half) == 0) {
        const float a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
  for (float& v : x) v *= norm;
}

void encode_frame(const KvShape& shape, const std::byte* f16, uint32_t n, KvTier tier, std::byte* out) {
  Head head(shape.head_dim);
  for (uint32_t layer = 0; layer < shape.n_layers; ++layer)
    for (uint32_t h = 0; h < shape.n_kv_heads; ++h) {
      head.load_keys(reinterpret_cast<const uint16_t*>(f16 + shape.key_offset(KvTier::kF16, layer, h)), n);
      if (kv_rotated(tier)) head.rotate(n);
      head.encode_keys(tier, n, out + shape.key_offset(tier, layer, h));
      head.load_values(reinterpret_cast<const uint16_t*>(f16 + shape.value_offset(KvTier::kF16, layer, h)),
                       n);
      if (kv_rotated(tier)) head.rotate(n);
      head.encode_values(tier, n, shape.value_groups(), out + shape.value_offset(tier, layer, h));
    }
}

void decode_frame(const KvShape& shape, KvTier tier, const std::byte* in, std::byte* f16) {
  Head head(shape.head_dim);
  for (uint32_t layer = 0; layer < shape.n_layers; ++layer)
    for (uint32_t h = 0; h < shape.n_kv_heads; ++h) {
      auto* keys = reinterpret_cast<uint16_t*>(f16 + shape.key_offset(KvTier::kF16, layer, h));
      head.decode_keys(tier, in + shape.key_offset(tier, layer, h));
      if (kv_rotated(tier)) head.rotate(kTokens);
      head.store_keys(keys);
      write_key_ranges(keys, shape.head_dim, f16 + shape.key_range_offset(KvTier::kF16, layer, h));
      head.decode_values(tier, shape.value_groups(), in + shape.value_offset(tier, layer, h));
      if (kv_rotated(tier)) head.rotate(kTokens);
      head.store_values(reinterpret_cast<uint16_t*>(f16 + shape.value_offset(KvTier::kF16, layer, h)));
    }
}

void write_key_ranges(const uint16_t* keys, uint32_t head_dim, std::byte* out) {
  for (uint32_t c = 0; c < head_dim; ++c) {
    float x[kTokens];
    for (uint32_t t = 0; t < kTokens; ++t) x[t] = sane(f16_to_f32(keys[c * kTokens + t]));
    const Extent e = extent_of(x);
    const KvRange range = key_range(e.least, e.most);
    out[c] = static_cast<std::byte>(range.scale);
    out[head_dim + c] = static_cast<std::byte>(range.zero);
  }
}

}  // namespace phios
