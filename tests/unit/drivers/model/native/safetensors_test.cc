#include "drivers/model/native/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>

namespace phios {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::byte> file_of(const std::string& header, const std::string& data) {
  std::vector<std::byte> out(8 + header.size() + data.size());
  const uint64_t length = header.size();
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, header.data(), header.size());
  std::memcpy(out.data() + 8 + header.size(), data.data(), data.size());
  return out;
}

std::string refusal(const std::string& header, const std::string& data = "") {
  const std::vector<std::byte> bytes = file_of(header, data);
  const auto file = Safetensors::parse(bytes, "x");
  return file ? "" : file.error().message;
}

TEST(Safetensors, ReadsEveryType) {
  const std::string header =
      R"({"__metadata__":{"a":"b"},"f":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("h":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]}})";
  std::string data(14, '\0');
  const float two[] = {1.5f, -2.0f};
  const uint16_t halves[] = {0x3c00, 0xc000}, brain = 0x3fc0;
  std::memcpy(data.data(), two, 8);
  std::memcpy(data.data() + 8, halves, 4);
  std::memcpy(data.data() + 12, &brain, 2);
  const std::vector<std::byte> bytes = file_of(header, data);
  const auto file = Safetensors::parse(bytes, "x");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_THAT(file->tensors().at("f").floats(), ElementsAre(1.5f, -2.0f));
  EXPECT_THAT(file->tensors().at("f").shape, ElementsAre(1u, 2u));
  EXPECT_THAT(file->tensors().at("h").floats(), ElementsAre(1.0f, -2.0f));
  EXPECT_THAT(file->tensors().at("b").floats(), ElementsAre(1.5f));
}

TEST(Safetensors, HostileHeadersAreRefusedByName) {
  EXPECT_THAT(Safetensors::parse({}, "x").error().message, HasSubstr("no safetensors file"));
  std::vector<std::byte> endless = file_of("{}", "");
  std::memset(endless.data(), 0xff, 8);
  EXPECT_THAT(Safetensors::parse(endless, "x").error().message, HasSubstr("no safetensors file"));
  EXPECT_THAT(refusal("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{\"a\":"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(R"({"a":7})"), HasSubstr("'a' has no dtype"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}})"), HasSubstr("'U64'"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})"), HasSubstr("no shape"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})"),
              HasSubstr("dimension 0"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
              HasSubstr("dimension 1"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abc"),
              HasSubstr("lies at 0 to 4, the file holds 3"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "abcd"),
              HasSubstr("lies at 4"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "abcd"),
              HasSubstr("has 4 bytes, its shape asks for 8"));
  EXPECT_THAT(refusal("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}"),
              HasSubstr("'a'"));
}

}  // namespace
}  // namespace phios
