#include "drivers/model/native/quant.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernel/base/half.h"

namespace phios {
namespace {

// One block of bytes (i × 73 + 29) mod 256, its scale 1/16 and its minimum 1/32; the expected numbers were
// computed by another program from the format's description: entries 0, 1, 17, 31 and the last, the sum, and
// a sum weighted by (i × 7) mod 13 - 6.
struct Expected {
  GgmlType type;
  size_t scale_at;
  bool has_min;
  std::array<float, 5> entries;
  double sum, weighted;
};

const Expected kExpected[] = {
    {GgmlType::kQ4_0, 0, false, {0.4375f, 0, 0.4375f, 0.4375f, 0.4375f}, 0.1875, 6.4375},
    {GgmlType::kQ4_1, 0, true, {0.09375f, 0.65625f, 0.53125f, 0.53125f, 0.53125f}, 16.3125, 5.03125},
    {GgmlType::kQ5_0, 0, false, {0.1875f, 0.75f, -0.9375f, 0.0625f, 0.0625f}, -0.5625, 7.25},
    {GgmlType::kQ5_1, 0, true, {1.34375f, 0.90625f, 1.65625f, 0.65625f, 0.65625f}, 29.5625, -18.21875},
    {GgmlType::kQ8_0, 0, false, {-5.0625f, -0.5f, -7.5f, -7.625f, -7.625f}, -27.0, -65.9375},
    {GgmlType::kQ4_K, 0, true, {-0.34375f, -0.78125f, -0.78125f, -0.90625f, 2.8125f}, 2437.5, 17.09375},
    {GgmlType::kQ5_K, 0, true, {0.65625f, -0.78125f, -0.78125f, -0.90625f, 3.3125f}, 5206.5, -306.90625},
    {GgmlType::kQ6_K, 208, false, {6.5625f, -13.125f, 14.25f, -66.5f, 11.25f}, 908.25, -8493.75},
};

void put_half(std::vector<std::byte>& bytes, size_t at, float value) {
  const uint16_t half = f32_to_f16(value);
  std::memcpy(bytes.data() + at, &half, sizeof half);
}

TEST(Quant, EveryBlockTypeUnpacksAsItsFormatSays) {
  for (const Expected& e : kExpected) {
    const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(e.type));
    std::vector<std::byte> block(info->block_bytes);
    for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(i * 73 + 29);
    put_half(block, e.scale_at, 0.0625f);
    if (e.has_min) put_half(block, 2, 0.03125f);
    std::vector<float> out(info->block_elements);
    dequantize(e.type, block, out);
    const std::array<float, 5> entries = {out[0], out[1], out[17], out[31], out.back()};
    EXPECT_EQ(entries, e.entries) << info->name;
    double sum = 0, weighted = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      sum += static_cast<double>(out[i]);
      weighted += static_cast<double>(out[i]) * (static_cast<double>(i * 7 % 13) - 6);
    }
    EXPECT_DOUBLE_EQ(sum, e.sum) << info->name;
    EXPECT_DOUBLE_EQ(weighted, e.weighted) << info->name;
  }
}

TEST(Quant, WhatIsWrittenReadsBackWithinItsStep) {
  std::vector<float> values(256);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i) * 0.7f) * 3;
  const std::pair<GgmlType, float> steps[] = {{GgmlType::kF32, 0},
                                              {GgmlType::kF16, 3 * 0x1p-11f},
                                              {GgmlType::kBF16, 3 * 0x1p-8f},
                                              {GgmlType::kQ8_0, 3 / 127.0f},
                                              {GgmlType::kQ4_0, 3 / 8.0f}};
  for (const auto& [type, step] : steps) {
    std::vector<float> back(values.size());
    dequantize(type, quantize(type, values), back);
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(back[i], values[i], step + 1e-6f);
  }
  EXPECT_FALSE(can_quantize(GgmlType::kQ4_K));
}

TEST(Half, EveryHalfSurvivesTheWayToFloatAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = f16_to_f32(half);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    else
      EXPECT_EQ(f32_to_f16(value), half) << bits;
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(f32_to_f16(1.0f + 0x1p-11f), f32_to_f16(1.0f));
  EXPECT_EQ(f32_to_f16(1.0f + 3 * 0x1p-11f), f32_to_f16(1.0f + 0x1p-9f));
  EXPECT_EQ(f32_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-1e9f), 0xfc00);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
  EXPECT_EQ(f32_to_f16(0x1.8p-25f), 1);
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f), f32_to_bf16(1.0f));
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace
}  // namespace phios
