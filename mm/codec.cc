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

// How many scales below the one that holds every number are tried, and how far apart: for int2, where cutting
// off the tails pays, an octave and a half.
template <KvTier tier>
constexpr int kScalesTried = tier == KvTier::kInt2   ? 6
                             : tier == KvTier::kInt4 ? 1
                                                     : 0;
template <KvTier tier>
constexpr int kScaleStep = tier == KvTier::kInt2 ? 2 : 1;
template <KvTier tier>
constexpr size_t kRunBytes = kTokens * kv_bits(tier) / 8;

// Sixteen numbers that are packed together. Loops over them are what the compiler turns into vectors, so that
// they have no branches, and sums are kept for each place.
using Run = float[kTokens];

float sane(float x) { return std::min(std::max(x, -kHalfMax), kHalfMax); }

// The half as a float, the infinite and what is no number as beyond kHalfMax.
inline float half_value(uint16_t half) {
  const float magnitude = std::bit_cast<float>(static_cast<uint32_t>(half & 0x7fffu) << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | static_cast<uint32_t>(half & 0x8000u)
                                                                       << 16);
}

void load_halves(const uint16_t* halves, size_t n, float* x) {
  for (size_t i = 0; i < n; ++i) x[i] = sane(half_value(halves[i]));
}

struct Extent {
  float least, most;
};

// x: a multiple of 16 numbers.
Extent extent_of(std::span<const float> x) {
  Run least, most;
  std::memcpy(least, x.data(), sizeof least);
  std::memcpy(most, x.data(), sizeof most);
  for (size_t at = kTokens; at < x.size(); at += kTokens)
    for (uint32_t i = 0; i < kTokens; ++i) {
      least[i] = std::min(least[i], x[at + i]);
      most[i] = std::max(most[i], x[at + i]);
    }
  return {*std::ranges::min_element(least), *std::ranges::max_element(most)};
}

bool holds(const Extent& e, float scale, float zero) {
  return std::abs(zero) <= 127 && e.least >= scale * zero && e.most <= scale * (zero + kRangeSteps);
}

// The codes of numbers in a range, as floats.
template <KvTier tier>
struct Coder {
  float inverse, shift;  // code = x × inverse + shift, rounded
  static constexpr float kMost = static_cast<float>(kRangeSteps) / kv_step(tier);

  Coder(float scale, float zero) : inverse(1 / (scale * kv_step(tier))), shift(-zero / kv_step(tier)) {}
  int code(float x) const {
    // Nothing below 0 comes here, and a call of lround would keep the loop from being vectorized.
    // NOLINTNEXTLINE(bugprone-incorrect-roundings)
    return static_cast<int>(std::min(std::max(x * inverse + shift, 0.0f), kMost) + 0.5f);
  }
};

template <KvTier tier>
float squared_error(std::span<const float> x, float scale, float zero) {
  const Coder<tier> coder(scale, zero);
  const float mul = scale * kv_step(tier), add = scale * zero;
  Run sums = {};
  for (size_t at = 0; at < x.size(); at += kTokens)
    for (uint32_t i = 0; i < kTokens; ++i) {
      const float error = add + static_cast<float>(coder.code(x[at + i])) * mul - x[at + i];
      sums[i] += error * error;
    }
  float sum = 0;
  for (const float s : sums) sum += s;
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

// The range that suits these numbers, a multiple of 16.
template <KvTier tier>
KvRange fit_range(std::span<const float> x) {
  const Extent extent = extent_of(x);
  KvRange best = holding_range(extent);
  if (kScalesTried<tier> == 0) return best;
  float least = squared_error<tier>(x, kv_scale(best.scale), best.zero);
  for (int i = 1, first = best.scale; i <= kScalesTried<tier> && first >= i * kScaleStep<tier>; ++i) {
    const auto code = static_cast<uint8_t>(first - i * kScaleStep<tier>);
    const float scale = kv_scale(code);
    // The middle of the extent is put into the middle of the range.
    const float zero = std::floor((extent.least + extent.most) / (2 * scale) - kRangeSteps * 0.5f + 0.5f);
    if (std::abs(zero) > 127) break;
    const float error = squared_error<tier>(x, scale, zero);
    if (error < least) least = error, best = {code, static_cast<int8_t>(zero)};
  }
  return best;
}

template <KvTier tier>
void encode_run(const float* x, const KvRange& range, std::byte* out) {
  const Coder<tier> coder(kv_scale(range.scale), range.zero);
  int codes[kTokens];
  for (uint32_t i = 0; i < kTokens; ++i) codes[i] = coder.code(x[i]);
  uint8_t bytes[kTokens];
  for (uint32_t i = 0; i < kTokens; ++i) bytes[i] = static_cast<uint8_t>(codes[i]);
  pack_codes(tier, bytes, out);
}

template <KvTier tier>
void decode_run(const std::byte* in, const KvRange& range, float* x) {
  uint8_t codes[kTokens];
  unpack_codes(tier, in, codes);
  const float scale = kv_scale(range.scale), step = kv_step(tier);
  for (uint32_t i = 0; i < kTokens; ++i)
    x[i] = scale * (static_cast<float>(range.zero) + static_cast<float>(codes[i]) * step);
}

void spread_head(std::span<float> x) {
  const size_t block = rotation_block(x.size());
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

// One head's keys or values as floats, in the order of the frames: keys [channel][position], values
// [position][channel].
class Head {
 public:
  explicit Head(const KvShape& shape)
      : shape_(shape), dim_(shape.head_dim), groups_(shape.value_groups()), x_(shape.head_elements()) {}

  void go_to(uint32_t layer, uint32_t kv_head) { layer_ = layer, kv_head_ = kv_head; }

  template <KvTier tier>
  void encode_keys(const uint16_t* keys, uint32_t n, std::byte* codes) {
    load_halves(keys, x_.size(), x_.data());
    for (uint32_t c = 0; c < dim_; ++c)  // what is not in use must not widen a range
      for (uint32_t t = n; t < kTokens; ++t) x_[c * kTokens + t] = n > 0 ? x_[c * kTokens + n - 1] : 0;
    if (shape_.rotates(tier)) rotate_keys(rotation(&KvRotations::keys), false);
    std::byte* scales = codes + dim_ * kRunBytes<tier>;
    for (uint32_t c = 0; c < dim_; ++c) {
      const float* x = x_.data() + c * kTokens;
      const KvRange range = fit_range<tier>({x, kTokens});
      encode_run<tier>(x, range, codes + c * kRunBytes<tier>);
      scales[c] = static_cast<std::byte>(range.scale);
      scales[dim_ + c] = static_cast<std::byte>(range.zero);
    }
  }

  template <KvTier tier>
  void decode_keys(const std::byte* codes, uint16_t* keys) {
    const std::byte* scales = codes + dim_ * kRunBytes<tier>;
    for (uint32_t c = 0; c < dim_; ++c)
      decode_run<tier>(codes + c * kRunBytes<tier>, range_at(scales, c, dim_), x_.data() + c * kTokens);
    if (shape_.rotates(tier)) rotate_keys(rotation(&KvRotations::queries), true);
    store(keys);
  }

  template <KvTier tier>
  void encode_values(const uint16_t* values, uint32_t n, std::byte* codes) {
    load_halves(values, size_t{n} * dim_, x_.data());
    std::fill(x_.begin() + static_cast<ptrdiff_t>(size_t{n} * dim_), x_.end(), 0.0f);
    if (shape_.rotates(tier)) rotate_values(rotation(&KvRotations::values));
    const uint32_t width = dim_ / groups_;
    std::byte* scales = codes + dim_ * kRunBytes<tier>;  // as many codes as the keys have
    for (uint32_t t = 0; t < kTokens; ++t)
      for (uint32_t g = 0; g < groups_; ++g) {
        const float* x = x_.data() + t * dim_ + g * width;
        const KvRange range = fit_range<tier>({x, width});
        scales[g * kTokens + t] = static_cast<std::byte>(range.scale);
        scales[(groups_ + g) * kTokens + t] = static_cast<std::byte>(range.zero);
        std::byte* out = codes + (t * dim_ + g * width) / kTokens * kRunBytes<tier>;
        for (uint32_t c = 0; c < width; c += kTokens, out += kRunBytes<tier>)
          encode_run<tier>(x + c, range, out);
      }
  }

  template <KvTier tier>
  void decode_values(const std::byte* codes, uint16_t* values) {
    const uint32_t width = dim_ / groups_;
    const std::byte* scales = codes + dim_ * kRunBytes<tier>;
    for (uint32_t t = 0; t < kTokens; ++t)
      for (uint32_t c = 0; c < dim_; c += kTokens) {
        const KvRange range = range_at(scales, c / width * kTokens + t, groups_ * kTokens);
        decode_run<tier>(codes + (t * dim_ + c) / kTokens * kRunBytes<tier>, range, x_.data() + t * dim_ + c);
      }
    if (shape_.rotates(tier)) rotate_values(rotation(&KvRotations::outputs));
    store(values);
  }

 private:
  static KvRange range_at(const std::byte* scales, size_t i, size_t n) {
    return {static_cast<uint8_t>(scales[i]), static_cast<int8_t>(scales[n + i])};
  }
  void store(uint16_t* halves) const {
    for (size_t i = 0; i < x_.size(); ++i) halves[i] = f32_to_f16(sane(x_[i]));
  }
  const float* rotation(std::vector<float> KvRotations::* of) const {
    return shape_.rotation(of, layer_, kv_head_);
  }
  // All positions at once: each becomes x M, or x Mᵀ.
  void rotate_keys(const float* matrix, bool transposed) {
    if (matrix == nullptr) return spread_keys();
    std::vector<float> y(x_.size());
    for (size_t to = 0; to < dim_; ++to)
      for (size_t from = 0; from < dim_; ++from) {
        const float factor = transposed ? matrix[to * dim_ + from] : matrix[from * dim_ + to];
        for (uint32_t t = 0; t < kTokens; ++t) y[to * kTokens + t] += factor * x_[from * kTokens + t];
      }
    x_ = std::move(y);
  }
  void spread_keys() {
    const size_t block = rotation_block(dim_);
    for (size_t half = 1; half < block; half *= 2)
      for (size_t c = 0; c < dim_; ++c) {
        if ((c & half) != 0) continue;
        float* a = x_.data() + c * kTokens;
        float* b = a + half * kTokens;
        for (uint32_t t = 0; t < kTokens; ++t) {
          const float sum = a[t] + b[t];
          b[t] = a[t] - b[t];
          a[t] = sum;
        }
      }
    const float norm = 1.0f / std::sqrt(static_cast<float>(block));
    for (float& x : x_) x *= norm;
  }
  void rotate_values(const float* matrix) {
    for (uint32_t t = 0; t < kTokens; ++t) rotate_head({x_.data() + size_t{t} * dim_, dim_}, matrix);
  }

  const KvShape shape_;
  uint32_t layer_ = 0, kv_head_ = 0;
  uint32_t dim_, groups_;
  std::vector<float> x_;
};

template <KvTier tier>
void encode_as(const KvShape& shape, const std::byte* f16, uint32_t n, std::byte* out) {
  Head head(shape);
  for (uint32_t layer = 0; layer < shape.n_layers; ++layer)
    for (uint32_t h = 0; h < shape.n_kv_heads; ++h) {
      const std::byte* keys = f16 + shape.key_offset(KvTier::kF16, layer, h);
      const std::byte* values = f16 + shape.value_offset(KvTier::kF16, layer, h);
      head.go_to(layer, h);
      head.encode_keys<tier>(reinterpret_cast<const uint16_t*>(keys), n,
                             out + shape.key_offset(tier, layer, h));
      head.encode_values<tier>(reinterpret_cast<const uint16_t*>(values), n,
                               out + shape.value_offset(tier, layer, h));
    }
}

template <KvTier tier>
void decode_as(const KvShape& shape, const std::byte* in, std::byte* f16) {
  Head head(shape);
  for (uint32_t layer = 0; layer < shape.n_layers; ++layer)
    for (uint32_t h = 0; h < shape.n_kv_heads; ++h) {
      auto* keys = reinterpret_cast<uint16_t*>(f16 + shape.key_offset(KvTier::kF16, layer, h));
      auto* values = reinterpret_cast<uint16_t*>(f16 + shape.value_offset(KvTier::kF16, layer, h));
      head.go_to(layer, h);
      head.decode_keys<tier>(in + shape.key_offset(tier, layer, h), keys);
      write_key_ranges(keys, shape.head_dim, f16 + shape.key_range_offset(KvTier::kF16, layer, h));
      head.decode_values<tier>(in + shape.value_offset(tier, layer, h), values);
    }
}

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

void rotate_head(std::span<float> x, const float* matrix) {
  if (matrix == nullptr) return spread_head(x);
  std::vector<float> y(x.size());
  for (size_t from = 0; from < x.size(); ++from)
    for (size_t to = 0; to < x.size(); ++to) y[to] += x[from] * matrix[from * x.size() + to];
  std::ranges::copy(y, x.begin());
}

void encode_frame(const KvShape& shape, const std::byte* f16, uint32_t n, KvTier tier, std::byte* out) {
  if (tier == KvTier::kInt8) return encode_as<KvTier::kInt8>(shape, f16, n, out);
  if (tier == KvTier::kInt4) return encode_as<KvTier::kInt4>(shape, f16, n, out);
  encode_as<KvTier::kInt2>(shape, f16, n, out);
}

void decode_frame(const KvShape& shape, KvTier tier, const std::byte* in, std::byte* f16) {
  if (tier == KvTier::kInt8) return decode_as<KvTier::kInt8>(shape, in, f16);
  if (tier == KvTier::kInt4) return decode_as<KvTier::kInt4>(shape, in, f16);
  decode_as<KvTier::kInt2>(shape, in, f16);
}

void write_key_ranges(const uint16_t* keys, uint32_t head_dim, std::byte* out) {
  for (uint32_t c = 0; c < head_dim; ++c) {
    Run x;
    load_halves(keys + c * kTokens, kTokens, x);
    const Extent e = extent_of(x);
    const KvRange range = key_range(e.least, e.most);
    out[c] = static_cast<std::byte>(range.scale);
    out[head_dim + c] = static_cast<std::byte>(range.zero);
  }
}

}  // namespace phios
