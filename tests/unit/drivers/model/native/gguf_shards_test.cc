// A model in several files: read as one, and what is said where they do not belong together.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "drivers/model/native/gguf_writer.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using namespace testing_support;
using ::testing::HasSubstr;

class Shards : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("phios_shards_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    whole_ = make_random_model({.n_layers = 2, .n_embd = 64, .n_heads = 2, .n_kv_heads = 2, .n_ff = 64});
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  struct Numbers {
    uint32_t count, number, tensors;
  };
  // The tensors of the whole whose index leaves `number` when divided by three.
  void write(uint32_t number, const Numbers& said, bool all = false) {
    const auto file = Gguf::parse(whole_, "whole");
    GgufWriter writer;
    if (number == 0) writer.copy_metadata(*file);
    writer.uint32("split.count", said.count);
    writer.uint32("split.no", said.number);
    writer.uint32("split.tensors.count", said.tensors);
    for (size_t i = 0; i < file->tensors().size(); ++i) {
      const GgufTensor& t = file->tensors()[i];
      if (all || i % 3 == number)
        writer.tensor(t.name, t.type, {t.shape.begin(), t.shape.begin() + t.n_dims}, t.data);
    }
    const std::vector<std::byte> bytes = writer.finish();
    std::ofstream(path(number), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  uint32_t tensors() const { return static_cast<uint32_t>(Gguf::parse(whole_, "whole")->tensors().size()); }
  void write_all() {
    for (uint32_t i = 0; i < 3; ++i) write(i, {3, i, tensors()});
  }
  std::string path(uint32_t number) const {
    return (folder_ / ("m-0000" + std::to_string(number + 1) + "-of-00003.gguf")).string();
  }
  std::string refusal(uint32_t number = 0) const {
    const auto file = Gguf::open(path(number));
    return file ? "" : file.error().message;
  }

  std::filesystem::path folder_;
  std::vector<std::byte> whole_;
};

TEST_F(Shards, GiveTheSameLogitsAsTheWhole) {
  write_all();
  auto whole = open_native_model(whole_, "whole");
  auto parts = open_native_model(path(0));
  ASSERT_TRUE(parts) << parts.error().message;
  const std::vector<Token> tokens = some_tokens(20, 1);
  Sequence a((*whole)->info().kv, 1), b((*parts)->info().kv, 2);
  EXPECT_EQ(run_chunk(**parts, b, tokens), run_chunk(**whole, a, tokens));
  EXPECT_GT((*parts)->info().file_bytes, whole_.size());
  EXPECT_EQ(Gguf::open(path(0))->n_shards(), 3u);
}

TEST_F(Shards, CopiedMetadataTellsNothingOfThem) {
  write_all();
  const auto file = Gguf::open(path(0));
  ASSERT_TRUE(file);
  GgufWriter writer;
  const std::string without[] = {"general.name"};
  writer.copy_metadata(*file, without);
  const std::vector<std::byte> bytes = writer.finish();
  const auto copy = Gguf::parse(bytes, "copy");
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_FALSE(copy->has("split.count"));
  EXPECT_FALSE(copy->has("general.name"));
  EXPECT_EQ(*copy->string("general.architecture"), "llama");
}

TEST_F(Shards, HostileNumbersAreRefused) {
  write_all();
  EXPECT_THAT(refusal(1), HasSubstr("file 2 of 3"));
  write(0, {4000000000u, 0, tensors()});
  EXPECT_THAT(refusal(), HasSubstr("split.count is 4000000000"));
  write(0, {5, 0, tensors()});
  EXPECT_THAT(refusal(), HasSubstr("must end in -00001-of-00005.gguf"));
  write(0, {3, 0, tensors() + 1});
  EXPECT_THAT(refusal(), HasSubstr("split.tensors.count is"));
  write(0, {3, 0, tensors()});
  write(1, {3, 2, tensors()});
  EXPECT_THAT(refusal(), HasSubstr("split.no is 2, 1 was expected"));
  write(1, {2, 1, tensors()});
  EXPECT_THAT(refusal(), HasSubstr("split.count is 2, 3 was expected"));
  std::filesystem::remove(path(1));
  EXPECT_THAT(refusal(), HasSubstr("m-00002-of-00003.gguf: cannot open"));
}

TEST_F(Shards, ATensorStandsInOneOfThem) {
  write_all();
  write(2, {3, 2, 0}, true);
  std::filesystem::rename(path(2), path(1));
  const uint32_t n = tensors();
  write(1, {3, 1, n}, true);
  write(2, {3, 2, n});
  write(0, {3, 0, n + (n + 2) / 3 + n / 3});
  EXPECT_THAT(refusal(), HasSubstr("stands in two of the files"));
  EXPECT_THAT(Gguf::parse(whole_, "whole")->name(), "whole");
}

TEST_F(Shards, InMemoryTheyAreRefused) {
  GgufWriter writer;
  writer.uint32("split.count", 2);
  const std::vector<std::byte> bytes = writer.finish();
  EXPECT_THAT(Gguf::parse(bytes, "memory").error().message, HasSubstr("opened by their path"));
}

}  // namespace
}  // namespace phios
