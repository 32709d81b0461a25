#include "drivers/model/native/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/random_model.h"

namespace phios {
namespace {

using Bytes = std::vector<std::byte>;

Bytes zeros(size_t n) { return Bytes(n); }

Result<Gguf> parse(const Bytes& bytes) { return Gguf::parse(bytes, "test.gguf"); }

void expect_error(const Bytes& bytes, std::string_view part) {
  const auto file = parse(bytes);
  ASSERT_FALSE(file) << "expected: " << part;
  EXPECT_EQ(file.error().code, ErrorCode::EPARSE_);
  EXPECT_NE(file.error().message.find("test.gguf"), std::string::npos);
  EXPECT_NE(file.error().message.find("at byte "), std::string::npos) << file.error().message;
  EXPECT_NE(file.error().message.find(part), std::string::npos) << file.error().message;
}

// A file of one key and one tensor of 4 × 2 floats, whose parts a test can change.
struct Small {
  std::string key = "a.key";
  uint32_t key_type = 4;
  uint64_t n_keys = 1, n_tensors = 1;
  std::string tensor = "t";
  uint32_t dims = 2, type = 0;
  uint64_t shape0 = 4, shape1 = 2, offset = 0;
  uint32_t magic = 0x46554747, version = 3;
  size_t data = 32;

  Bytes bytes() const {
    Bytes out;
    const auto put = [&](const auto& v) {
      const auto* p = reinterpret_cast<const std::byte*>(&v);
      out.insert(out.end(), p, p + sizeof v);
    };
    const auto text = [&](const std::string& s) {
      put(uint64_t{s.size()});
      for (const char c : s) put(c);
    };
    put(magic), put(version), put(n_tensors), put(n_keys);
    text(key), put(key_type), put(uint32_t{7});
    text(tensor), put(dims);
    put(shape0), put(shape1), put(type), put(offset);
    out.resize((out.size() + 31) / 32 * 32);
    out.resize(out.size() + data);
    return out;
  }
};

void expect_small(const std::function<void(Small&)>& change, std::string_view part) {
  Small s;
  change(s);
  expect_error(s.bytes(), part);
}

TEST(Gguf, ReadsWhatTheWriterWrote) {
  GgufWriter w;
  w.string("s", "text");
  w.uint32("u", 4000000000u);
  w.float32("f", 0.5f);
  w.boolean("b", true);
  w.strings("list", std::vector<std::string>{"x", "", "yz"});
  w.int32s("numbers", std::vector<int32_t>{-1, 2});
  w.tensor("first", GgmlType::kF32, {2, 3}, zeros(24));
  w.tensor("second", GgmlType::kQ8_0, {64}, zeros(68));
  const Bytes bytes = w.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version(), 3u);
  EXPECT_EQ(*file->string("s"), "text");
  EXPECT_EQ(*file->uint("u"), 4000000000u);
  EXPECT_EQ(*file->number("f"), 0.5);
  EXPECT_EQ(*file->number("u"), 4e9);
  EXPECT_TRUE(*file->boolean("b"));
  EXPECT_EQ(*file->strings("list"), (std::vector<std::string_view>{"x", "", "yz"}));
  EXPECT_EQ(*file->integers("numbers"), (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(*file->floats("numbers"), (std::vector<float>{-1, 2}));
  EXPECT_EQ(*file->uint_or("absent", 5), 5u);
  EXPECT_EQ(file->tensors().size(), 2u);
  const GgufTensor* t = file->find_tensor("second");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->data.size(), 68u);
  EXPECT_EQ(t->elements, 64u);
  EXPECT_FALSE(file->find_tensor("third"));
}

TEST(Gguf, AKeyOfAnotherTypeIsNamed) {
  GgufWriter w;
  w.string("s", "text");
  w.int32s("numbers", std::vector<int32_t>{-1, 2});
  const Bytes bytes = w.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file);
  for (const Error& e :
       {file->uint("s").error(), file->boolean_or("s", true).error(), file->string("numbers").error(),
        file->strings("numbers").error(), file->integers("s").error()}) {
    EXPECT_EQ(e.code, ErrorCode::EINVAL_);
    EXPECT_NE(e.message.find("test.gguf: at byte "), std::string::npos) << e.message;
  }
  EXPECT_EQ(file->uint("absent").error().code, ErrorCode::ENOENT_);
}

TEST(Gguf, EveryTruncationIsAnError) {
  const Bytes whole = Small{}.bytes();
  ASSERT_TRUE(parse(whole));
  for (size_t n = 0; n < whole.size(); ++n) {
    // An exact copy, so that a sanitizer sees a read past the end.
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_FALSE(parse(cut)) << n;
  }
}

TEST(Gguf, LyingHeadersAreNamed) {
  expect_small([](Small& s) { s.magic = 1; }, "magic number");
  expect_small([](Small& s) { s.version = 0x03000000; }, "big-endian");
  expect_small([](Small& s) { s.version = 4; }, "version 4");
  expect_small([](Small& s) { s.n_tensors = UINT64_MAX; }, "tensors cannot stand in");
  expect_small([](Small& s) { s.n_keys = UINT64_MAX / 2; }, "metadata entries cannot stand in");
}

TEST(Gguf, LyingMetadataIsNamed) {
  expect_small([](Small& s) { s.key = ""; }, "the key of metadata entry 0");
  expect_small([](Small& s) { s.key_type = 99; }, "'a.key': value type 99");
  expect_small([](Small& s) { s.key_type = 7; }, "");
  expect_small([](Small& s) { s.key_type = 8; }, "runs past the end");
  expect_small([](Small& s) { s.key = "general.alignment"; }, "general.alignment is 7");
  GgufWriter twice;
  twice.uint32("k", 1);
  twice.uint32("k", 2);
  expect_error(twice.finish(), "'k' stands twice");
}

TEST(Gguf, LyingTensorsAreNamed) {
  expect_small([](Small& s) { s.tensor = ""; }, "the name of tensor 0");
  expect_small([](Small& s) { s.tensor = std::string(300, 'x'); }, "300 bytes long");
  expect_small([](Small& s) { s.dims = 0; }, "0 dimensions");
  expect_small([](Small& s) { s.dims = 5; }, "5 dimensions");
  expect_small([](Small& s) { s.shape0 = 0; }, "dimension 0 is 0");
  expect_small([](Small& s) { s.shape1 = UINT64_MAX / 3; }, "dimension 1");
  expect_small([](Small& s) { s.type = 16; }, "type 16");
  expect_small([](Small& s) { s.type = 8; }, "multiple of Q8_0's block");
  expect_small([](Small& s) { s.offset = 5; }, "multiple of the alignment");
  expect_small([](Small& s) { s.offset = UINT64_MAX - 31; }, "past the end");
  expect_small([](Small& s) { s.shape1 = 3; }, "past the end");
  GgufWriter twice;
  twice.tensor("t", GgmlType::kF32, {1}, zeros(4));
  twice.tensor("t", GgmlType::kF32, {1}, zeros(4));
  expect_error(twice.finish(), "'t' stands twice");
}

TEST(Gguf, OverlappingTensorsAreNamed) {
  GgufWriter w;
  w.tensor("one", GgmlType::kF32, {16}, zeros(64));
  w.tensor("two", GgmlType::kF32, {16}, zeros(64));
  Bytes bytes = w.finish();
  // The second tensor's offset, 64, is the last number before the data.
  const uint64_t second = 64, moved = 32;
  for (size_t i = bytes.size() - 128 - 64; i + 8 <= bytes.size() - 128; ++i)
    if (std::memcmp(bytes.data() + i, &second, 8) == 0) std::memcpy(bytes.data() + i, &moved, 8);
  expect_error(bytes, "overlap");
}

TEST(Gguf, MetadataIsCopiedWithItsAlignment) {
  GgufWriter first;
  first.uint32("general.alignment", 8);
  first.string("general.name", "one");
  first.tensor("t", GgmlType::kF32, {8}, zeros(32));
  const Bytes source = first.finish();
  const auto file = parse(source);
  ASSERT_TRUE(file) << file.error().message;
  GgufWriter copy;
  copy.copy_metadata(*file);
  copy.uint32("general.version", 7);
  copy.tensor("u", GgmlType::kF32, {8}, zeros(32));
  const Bytes copied = copy.finish();
  const auto again = parse(copied);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again->string("general.name"), "one");
  EXPECT_EQ(*again->uint("general.version"), 7u);
  EXPECT_FALSE(again->find_tensor("t"));
}

TEST(Gguf, TypesHaveNamesInAnyCase) {
  EXPECT_EQ(ggml_type_named("q4_k")->type, GgmlType::kQ4_K);
  EXPECT_EQ(ggml_type_named("BF16")->type, GgmlType::kBF16);
  EXPECT_EQ(ggml_type_named("q4"), nullptr);
  EXPECT_EQ(ggml_type_named(""), nullptr);
}

TEST(Gguf, AFileIsMappedAndMissingOnesAreNamed) {
  const std::string path = testing::TempDir() + "/phios_gguf_test.gguf";
  const Bytes bytes =
      make_random_model({.n_layers = 1, .n_embd = 32, .n_heads = 1, .n_kv_heads = 1, .n_ff = 32});
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  auto file = Gguf::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->file_bytes(), bytes.size());
  const Gguf moved = std::move(*file);
  EXPECT_EQ(*moved.string("general.architecture"), "llama");
  EXPECT_EQ(Gguf::open(path + ".none").error().code, ErrorCode::EIO_);
  EXPECT_EQ(Gguf::open(testing::TempDir()).error().code, ErrorCode::EPARSE_);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace phios
