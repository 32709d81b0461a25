// Real vocabularies and 46 texts each, with the ids that they must become. The files are not part of the
// project, and those that are not there are skipped: PHIOS_DATA names the folder that holds tokenizer/, else
// ../shared/data beside the checkout is tried.
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "drivers/model/native/gguf.h"
#include "tests/unit/drivers/model/native/tokenizer/small_vocab.h"

namespace phios {
namespace {

constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
constexpr size_t kTexts = 46;
constexpr size_t kSpeedBytes = 1 << 20;

std::filesystem::path data_folder() {
  const char* given = std::getenv("PHIOS_DATA");
  const std::filesystem::path root =
      given ? given : std::filesystem::path(PHIOS_SOURCE_DIR) / "../shared/data";
  return root / "tokenizer";
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> texts_of(const std::filesystem::path& path) {
  const std::string all = read_file(path);
  std::vector<std::string> texts;
  size_t start = 0;
  for (size_t end = 0; (end = all.find(kSeparator, start)) != std::string::npos;
       start = end + kSeparator.size())
    texts.push_back(all.substr(start, end - start));
  return texts;  // a separator ends the last of them
}

std::vector<std::vector<Token>> ids_of(const std::filesystem::path& path) {
  std::vector<std::vector<Token>> ids;
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line);) {
    std::istringstream numbers(line);
    ids.emplace_back(std::istream_iterator<Token>(numbers), std::istream_iterator<Token>());
  }
  return ids;
}

class RealVocabulary : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    file_ = data_folder() / (std::string("ggml-vocab-") + GetParam() + ".gguf");
    if (!std::filesystem::exists(file_)) GTEST_SKIP() << "no " << file_ << ": set PHIOS_DATA";
    auto gguf = Gguf::open(file_.string());
    ASSERT_TRUE(gguf) << gguf.error().message;
    auto made = make_tokenizer(*gguf);
    ASSERT_TRUE(made) << made.error().message;
    tokenizer_ = std::move(*made);
  }

  std::filesystem::path file_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_P(RealVocabulary, TokenizesEveryTextExactly) {
  const std::vector<std::string> texts = texts_of(file_.string() + ".inp");
  const std::vector<std::vector<Token>> ids = ids_of(file_.string() + ".out");
  ASSERT_EQ(texts.size(), kTexts);
  ASSERT_EQ(ids.size(), kTexts);
  for (size_t i = 0; i < kTexts; ++i)
    EXPECT_EQ(tokenizer_->encode(texts[i], false), ids[i]) << i << ": " << texts[i];
}

TEST_P(RealVocabulary, ItsOwnMarkersNeverComeOutOfPlainText) {
  if (GetParam() == std::string_view("bert-bge")) GTEST_SKIP() << "its unknown token stands for any word";
  for (Token token = 0; token < static_cast<Token>(tokenizer_->size()); ++token)
    for (const Token made : tokenizer_->encode(tokenizer_->bytes(token), false))
      ASSERT_FALSE(tokenizer_->is_control(made)) << token;
  for (const char* text : {"<s>", "</s>", "<unk>", "<|endoftext|>", "<fim_prefix>", ">>TITLE<<"})
    for (const Token made : tokenizer_->encode(text, false))
      EXPECT_FALSE(tokenizer_->is_control(made)) << text;
}

// Bounds are wide, for sanitizers and busy machines; the measured time is printed.
TEST_P(RealVocabulary, IsFast) {
  std::string text;
  for (const std::string& one : texts_of(file_.string() + ".inp")) text += one + "\n";
  while (text.size() < kSpeedBytes) text += text;
  text.resize(kSpeedBytes);
  const auto start = std::chrono::steady_clock::now();
  const size_t n = tokenizer_->encode(text, false).size();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  RecordProperty("ms", std::to_string(took.count() * 1000));
  std::printf("%s: 1 MiB, %zu tokens, %.0f ms\n", GetParam(), n, took.count() * 1000);
  EXPECT_LT(took.count(), 20.0);
}

INSTANTIATE_TEST_SUITE_P(All, RealVocabulary,
                         ::testing::Values("gpt-2", "llama-spm", "starcoder", "falcon", "bert-bge",
                                           "command-r", "deepseek-coder", "deepseek-llm", "llama-bpe", "mpt",
                                           "phi-3", "qwen2", "refact"),
                         [](const auto& given) {
                           std::string name = given.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace phios
