// The integer products of every variant and type against a scalar sum over the file's own weights.
#include "drivers/model/native/int8_product.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "drivers/model/native/pack.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/random_model.h"
#include "kernel/base/half.h"

namespace phios {
namespace {

constexpr double kTolerance =
    1e-5;                       // of the outputs' root mean square; the issue is only the order of float sums
constexpr uint32_t kIn = 2304;  // 72 blocks: three stretches of unpacked weights, the last not full
constexpr uint32_t kOut = 144;  // two groups and a panel
constexpr size_t kRows = 15;

constexpr GgmlType kTypes[] = {GgmlType::kQ4_0, GgmlType::kQ4_1, GgmlType::kQ5_0, GgmlType::kQ5_1,
                               GgmlType::kQ8_0, GgmlType::kQ4_K, GgmlType::kQ5_K, GgmlType::kQ6_K};

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
std::unique_ptr<T[], FreeDeleter> aligned(size_t bytes) {
  auto* p = static_cast<T*>(std::aligned_alloc(64, round_up(bytes, 64)));
  std::memset(p, 0, bytes);
  return std::unique_ptr<T[], FreeDeleter>(p);
}

// One matrix out of a random model's file: feed-forward's second, [kOut][kIn].
struct Weights {
  explicit Weights(GgmlType type)
      : file(make_random_model({.n_layers = 1,
                                .n_embd = kOut,
                                .n_heads = 1,
                                .n_kv_heads = 1,
                                .head_dim = 16,
                                .n_ff = kIn,
                                .type = GgmlType::kF16,
                                .down_type = type})),
        gguf(*Gguf::parse(file, "random")),
        tensor(*gguf.find_tensor("blk.0.ffn_down.weight")),
        memory(aligned<std::byte>(packed_bytes(tensor))),
        packed(pack_matrix(tensor, memory.get())),
        floats(tensor.elements) {
    dequantize(type, tensor.data, floats);
  }
  std::vector<std::byte> file;
  Gguf gguf;
  const GgufTensor& tensor;
  std::unique_ptr<std::byte[], FreeDeleter> memory;
  PackedMatrix packed;
  std::vector<float> floats;
};

// Rows of inputs, some with an entry that is a thousand times the others.
std::vector<float> inputs() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> x(kRows * kIn);
  for (float& v : x) v = normal(random);
  for (size_t r = 0; r < kRows; r += 2) x[r * kIn + 100 * r + 3] = 1000;
  std::fill_n(x.begin() + 64, 32, 0.0f);  // a block of zeros
  return x;
}

struct Quantized {
  Quantized(const Int8Kernels& kernels, std::span<const float> x)
      : blocks(aligned<ActivationBlock>(x.size() / kBlockInputs * sizeof(ActivationBlock))) {
    kernels.quantize(x.data(), x.size(), blocks.get());
  }
  std::unique_ptr<ActivationBlock[], FreeDeleter> blocks;
};

// y[r][c] for rows [first, first + n) of the inputs.
std::vector<float> product(const Int8Kernels& kernels, const PackedMatrix& w, const Quantized& x,
                           size_t first, size_t n, std::span<const float> bias = {}, float before = NAN) {
  auto scratch = aligned<std::byte>(kInt8Scratch);
  std::vector<float> y(n * kOut, before);
  kernels.product(w, 0, w.groups(),
                  {.x = x.blocks.get() + first * (kIn / kBlockInputs),
                   .x_stride = kIn / kBlockInputs,
                   .y = y.data(),
                   .y_stride = kOut,
                   .rows = n,
                   .bias = bias.empty() ? nullptr : bias.data(),
                   .add = !std::isnan(before),
                   .ahead = block_format(w.type).group_bytes(kIn),
                   .scratch = scratch.get()});
  return y;
}

std::vector<const Int8Kernels*> variants() {
  std::vector<const Int8Kernels*> out;
  for (const Kernels* k : supported_kernels()) out.push_back(k->int8);
  return out;
}

TEST(Int8Product, EveryTypeAndVariantAgreesWithAScalarSum) {
  const std::vector<float> x = inputs();
  for (const GgmlType type : kTypes) {
    const Weights weights(type);
    for (const Int8Kernels* kernels : variants()) {
      const Quantized q(*kernels, x);
      const std::vector<float> y = product(*kernels, weights.packed, q, 0, kRows);
      double worst = 0, squares = 0;
      for (size_t r = 0; r < kRows; ++r)
        for (size_t c = 0; c < kOut; ++c) {
          double sum = 0;
          for (size_t k = 0; k < kIn; ++k) {
            const ActivationBlock& b = q.blocks[(r * kIn + k) / kBlockInputs];
            sum += double{weights.floats[c * kIn + k]} * double{b.d} * b.q[k % kBlockInputs];
          }
          worst = std::max(worst, std::abs(sum - double{y[r * kOut + c]}));
          squares += sum * sum;
        }
      EXPECT_LT(worst / std::sqrt(squares / (kRows * kOut)), kTolerance)
          << kernels->name << ", " << ggml_type_info(static_cast<uint32_t>(type))->name;
    }
  }
}

TEST(Int8Product, ARowDoesNotDependOnHowManyThereAre) {
  const std::vector<float> x = inputs();
  for (const GgmlType type : kTypes) {
    const Weights weights(type);
    for (const Int8Kernels* kernels : variants()) {
      const Quantized q(*kernels, x);
      const std::vector<float> all = product(*kernels, weights.packed, q, 0, kRows);
      for (const size_t n : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 13u}) {
        const std::vector<float> some = product(*kernels, weights.packed, q, 1, n);
        EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + kOut)) << kernels->name << ", " << n;
      }
    }
  }
}

TEST(Int8Product, BeginsWithTheBiasOrWithWhatIsThere) {
  const std::vector<float> x = inputs();
  const std::vector<float> bias(kOut, 3.0f);
  const Weights weights(GgmlType::kQ4_0);
  for (const Int8Kernels* kernels : variants()) {
    const Quantized q(*kernels, x);
    for (const size_t n : {1u, 15u}) {
      const std::vector<float> plain = product(*kernels, weights.packed, q, 0, n);
      const std::vector<float> biased = product(*kernels, weights.packed, q, 0, n, bias);
      const std::vector<float> added = product(*kernels, weights.packed, q, 0, n, {}, 3.0f);
      EXPECT_EQ(biased, added) << kernels->name;
      for (size_t i = 0; i < plain.size(); ++i)
        EXPECT_NEAR(biased[i] - plain[i], 3.0f, 1e-2f) << kernels->name;
    }
  }
}

TEST(Int8Product, ActivationsAreQuantizedAlikeInEveryVariant) {
  const std::vector<float> x = inputs();
  for (const Int8Kernels* kernels : variants()) {
    const Quantized q(*kernels, x);
    for (size_t i = 0; i < x.size() / kBlockInputs; ++i) {
      const ActivationBlock& b = q.blocks[i];
      const float* in = x.data() + i * kBlockInputs;
      float peak = 0;
      for (size_t j = 0; j < kBlockInputs; ++j) peak = std::max(peak, std::abs(in[j]));
      EXPECT_EQ(b.d, peak / 127.0f);
      int halves[2] = {};
      for (size_t j = 0; j < kBlockInputs; ++j) {
        EXPECT_EQ(b.q[j], peak > 0 ? std::nearbyint(in[j] * (127.0f / peak)) : 0);
        halves[j / 16] += b.q[j];
      }
      EXPECT_EQ(b.minus_half[0], -halves[0]);
      EXPECT_EQ(b.minus_half[1], -halves[1]);
      EXPECT_EQ(b.minus_sum, -halves[0] - halves[1]);
      EXPECT_EQ(b.d_sum, b.d * static_cast<float>(halves[0] + halves[1]));
    }
  }
}

// The largest weights and inputs that there are: no sum overflows on its way.
TEST(Int8Product, ExtremesDoNotOverflow) {
  std::vector<float> x(kIn);
  for (size_t i = 0; i < kIn; ++i) x[i] = i % 64 < 48 ? -127.0f : 127.0f;
  for (const GgmlType type : {GgmlType::kQ4_0, GgmlType::kQ8_0, GgmlType::kQ6_K, GgmlType::kQ5_0}) {
    Weights weights(type);
    std::vector<std::byte> data(weights.tensor.data.size(), std::byte{0x80});  // the least of each block
    const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type));
    const size_t scale_at = type == GgmlType::kQ6_K ? 208 : 0;
    if (type != GgmlType::kQ8_0) std::fill(data.begin(), data.end(), std::byte{0});
    for (size_t i = 0; i < data.size(); i += info->block_bytes) {
      const uint16_t one = f32_to_f16(1.0f);
      std::memcpy(&data[i + scale_at], &one, sizeof one);
      if (type == GgmlType::kQ6_K) std::memset(&data[i + 192], 0x7f, 16);
    }
    GgufTensor tensor = weights.tensor;
    tensor.data = data;
    std::memset(weights.memory.get(), 0, packed_bytes(tensor));
    pack_matrix(tensor, weights.memory.get());
    dequantize(type, data, weights.floats);
    double sum = 0;
    for (size_t k = 0; k < kIn; ++k) sum += double{weights.floats[k]} * double{x[k]};
    for (const Int8Kernels* kernels : variants()) {
      const Quantized q(*kernels, x);
      const std::vector<float> y = product(*kernels, weights.packed, q, 0, 1);
      for (const float v : y) EXPECT_NEAR(v, sum, std::abs(sum) * 1e-5) << kernels->name;
    }
  }
}

TEST(Int8Product, WhatIsNoNumberDoesNoHarm) {
  std::vector<float> x(kIn, std::numeric_limits<float>::quiet_NaN());
  for (size_t i = 0; i < kIn; i += 3) x[i] = i % 2 ? std::numeric_limits<float>::infinity() : 1e-38f;
  const Weights weights(GgmlType::kQ4_0);
  for (const Int8Kernels* kernels : variants()) {
    const Quantized q(*kernels, x);
    EXPECT_EQ(product(*kernels, weights.packed, q, 0, 1).size(), kOut);
  }
}

// A pass over a matrix reads no more than the file holds.
TEST(Int8Product, PackedMatricesAreAsLargeAsTheFiles) {
  for (const GgmlType type : kTypes) {
    const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type));
    GgufTensor tensor;
    tensor.type = type;
    tensor.shape = {1024, 256, 1, 1};
    EXPECT_EQ(packed_bytes(tensor), 1024u * 256 / info->block_elements * info->block_bytes);
  }
}

}  // namespace
}  // namespace phios
