#include "drivers/model/native/quant.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

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

std::vector<float> read_back(GgmlType type, std::span<const float> values) {
  std::vector<float> back(values.size());
  dequantize(type, quantize(type, values), back);
  return back;
}

// √ of the squares lost over those that were there.
double loss(GgmlType type, std::span<const float> values) {
  const std::vector<float> back = read_back(type, values);
  double lost = 0, all = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double d = double{back[i]} - double{values[i]};
    lost += d * d, all += double{values[i]} * double{values[i]};
  }
  return std::sqrt(lost / all);
}

TEST(Quant, NormalNumbersLoseWhatTheirBitsCost) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values(size_t{256} * 200);
  for (float& v : values) v = normal(random);
  const std::pair<GgmlType, double> limits[] = {
      {GgmlType::kF32, 0},      {GgmlType::kF16, 0x1p-11}, {GgmlType::kBF16, 0x1p-8},
      {GgmlType::kQ8_0, 0.006}, {GgmlType::kQ6_K, 0.02},   {GgmlType::kQ5_K, 0.037},
      {GgmlType::kQ5_1, 0.035}, {GgmlType::kQ5_0, 0.042},  {GgmlType::kQ4_K, 0.073},
      {GgmlType::kQ4_1, 0.07},  {GgmlType::kQ4_0, 0.085}};
  for (const auto& [type, most] : limits)
    EXPECT_LE(loss(type, values), most) << ggml_type_info(static_cast<uint32_t>(type))->name;
}

TEST(Quant, EdgesReadBack) {
  for (const GgmlType type : {GgmlType::kQ8_0, GgmlType::kQ6_K, GgmlType::kQ5_K, GgmlType::kQ5_1,
                              GgmlType::kQ5_0, GgmlType::kQ4_K, GgmlType::kQ4_1, GgmlType::kQ4_0}) {
    const char* name = ggml_type_info(static_cast<uint32_t>(type))->name.data();
    const std::vector<float> zeros(256), threes(256, 3.0f);
    EXPECT_EQ(read_back(type, zeros), zeros) << name;
    EXPECT_LT(loss(type, threes), 0.01) << name;
    std::vector<float> lone(256), ramp(256);
    lone[77] = -5;
    for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i % 16);
    EXPECT_LT(loss(type, lone), 0.01) << name;
    EXPECT_LT(loss(type, ramp), 0.07) << name;
    std::vector<float> odd(256, 1.0f);
    odd[3] = NAN, odd[40] = INFINITY, odd[90] = -INFINITY;
    EXPECT_EQ(read_back(type, odd).size(), odd.size())
        << name;  // no fault; what it means is nobody's promise
  }
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
