// Vocabularies out of tokenizer.json: what each kind becomes, and what is refused.
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "drivers/model/native/convert.h"
#include "drivers/model/native/tokenizer/tokenizer.h"
#include "tests/unit/drivers/model/native/hub_folder.h"

namespace phios {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing_support::HubFolder;

std::string refusal(const std::string& text) {
  const auto vocab = read_tokenizer_json(text, "t", 10);
  return vocab ? "" : vocab.error().message;
}

TEST(ReadTokenizerJson, HostileFilesAreRefused) {
  const std::string head = R"({"pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"BPE",)";
  EXPECT_THAT(refusal("x"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("model.type is null"));
  EXPECT_THAT(refusal(R"({"model":7})"), HasSubstr("model.type is null"));
  EXPECT_THAT(refusal(R"({"model":{"type":"Unigram"}})"), HasSubstr("model.type is \"Unigram\""));
  EXPECT_THAT(refusal(R"({"model":{"type":"BPE","vocab":{}}})"),
              HasSubstr("pre_tokenizer that is not known"));
  EXPECT_THAT(refusal(head + R"("vocab":[]}})"), HasSubstr("model.vocab is no object"));
  EXPECT_THAT(refusal(head + R"("vocab":{"a":10}}})"), HasSubstr("is not one of 10"));
  EXPECT_THAT(refusal(head + R"("vocab":{"a":1},"merges":[7]}})"), HasSubstr("model.merges[0]"));
  EXPECT_THAT(refusal(head + R"("vocab":{"a":1},"merges":[]},"added_tokens":[{}]})"),
              HasSubstr("no content"));
  EXPECT_THAT(refusal(head + R"("vocab":{}},"added_tokens":7})"), HasSubstr("added_tokens is no list"));
  EXPECT_THAT(refusal(head + R"("vocab":{},"merges":[]},"normalizer":{"type":"NFKC"}})"),
              HasSubstr("a normalizer of the type \"NFKC\""));
  EXPECT_THAT(refusal(R"({"model":{"type":"BPE","byte_fallback":true,"vocab":{"":0},"merges":[]}})"),
              HasSubstr("tokens[0]: the token is empty"));
  EXPECT_EQ(refusal(head + R"("vocab":{"a":1},"merges":[["a","b"],"c d"]}})"), "");
  const auto large = read_tokenizer_json(head + R"("vocab":{"a":1048576},"merges":[]}})", "t", 0);
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().message, HasSubstr("a token's id is above 1048575"));
}

TEST(ReadTokenizerJson, ThePreTokenizerIsToldByItsRule) {
  const auto pre = [](const std::string& rule, const char* whole = "false") {
    const auto vocab =
        read_tokenizer_json(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[],"ignore_merges":)" +
                                std::string(whole) + R"(},"pre_tokenizer":)" + rule + "}",
                            "t", 2);
    return vocab ? vocab->pre : vocab.error().message;
  };
  const std::string threes = R"({"type":"Split","pattern":{"Regex":"\\p{L}+|\\p{N}{1,3}| ?x"}})";
  EXPECT_EQ(pre(threes, "true"), "llama-bpe");
  EXPECT_EQ(pre(threes), "dbrx");
  EXPECT_EQ(pre(R"({"type":"Split","pattern":{"Regex":"\\p{L}+|\\p{N}| ?x"}})"), "qwen2");
  EXPECT_EQ(pre(R"({"type":"Split","pattern":{"Regex":"[\\p{Lu}]|\\p{N}{1,3}| ?x"}})"), "gpt-4o");
  EXPECT_EQ(pre(R"({"type":"Split","pattern":{"Regex":"[\\p{Lu}]|\\p{N}| ?x"}})"), "tekken");
  EXPECT_EQ(pre(R"([{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"}},{"Regex":"[一-龥]+"}])"),
            "deepseek-v3");
  EXPECT_EQ(pre(R"([{"Regex":"\\s?\\p{L}+"},{"Regex":"\\s?\\p{P}+"},{"Regex":"[一-龥]+"}])"),
            "deepseek-coder");
  EXPECT_EQ(pre(R"([{"Regex":"\\s?[A-Za-zµ]+"},{"Regex":"[一-龥]+"}])"), "deepseek-llm");
  EXPECT_EQ(pre(R"([{"type":"Punctuation"},{"type":"Split","pattern":{"Regex":"[0-9][0-9][0-9]"}}])"),
            "falcon");
  EXPECT_EQ(pre(R"({"pretokenizers":[{"type":"Digits"},{"type":"ByteLevel"}]})"), "smollm");
  EXPECT_EQ(pre(R"({"type":"ByteLevel"})"), "gpt-2");
  EXPECT_THAT(pre(R"({"type":"Split","pattern":{"Regex":"x"}})"), HasSubstr("not known"));
  EXPECT_THAT(pre(R"({"type":"ByteLevel","add_prefix_space":true})"),
              HasSubstr("begins a text with a space"));
}

TEST(ReadTokenizerJson, TheTemplateTellsWhetherATextBeginsWithAToken) {
  const auto adds = [](const std::string& processor) {
    const auto vocab = read_tokenizer_json(
        R"({"pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]},)"
        R"("post_processor":)" +
            processor + "}",
        "t", 0);
    return vocab->add_bos;
  };
  EXPECT_EQ(adds("null"), std::nullopt);
  EXPECT_EQ(adds(R"({"type":"ByteLevel"})"), std::nullopt);
  EXPECT_EQ(adds(R"({"type":"TemplateProcessing","single":[{"Sequence":{}}]})"), false);
  EXPECT_EQ(adds(R"({"processors":[{"type":"TemplateProcessing","single":[{"SpecialToken":{}},{}]}]})"),
            true);
}

// A vocabulary over few letters: each new token joins two, and every way to make it is a merge of its rank.
class SentencePiece : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* one : {"<unk>", "<s>", "</s>"}) add(one);
    for (size_t byte = 0; byte < 256; ++byte) add(fmt_byte(byte));
    for (const char* one : {"▁", "a", "b", "c"}) letters_.emplace_back(one), add(one);
    std::vector<std::string> known = letters_;
    while (known.size() < 60) {
      const std::string made = known[random_() % known.size()] + known[random_() % known.size()];
      if (vocab_.contains(made)) continue;
      add(made);
      known.push_back(made);
      for (size_t cut = 1; cut < made.size(); ++cut)
        if (vocab_.contains(made.substr(0, cut)) && vocab_.contains(made.substr(cut)))
          merges_.emplace_back(made.substr(0, cut), made.substr(cut));
    }
    add("never");  // no merge leads to it
  }

  static std::string fmt_byte(size_t byte) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    return {'<', '0', 'x', kHex[byte / 16], kHex[byte % 16], '>'};
  }
  void add(const std::string& text) { vocab_.emplace(text, vocab_.size()); }

  Json file() const {
    const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
    const Json prepend = {{"type", "Prepend"}, {"prepend", "▁"}};
    Json added = Json::array(), merges = Json::array();
    for (size_t i = 0; i < 3; ++i)
      added.push_back({{"id", i},
                       {"content", i == 0   ? "<unk>"
                                   : i == 1 ? "<s>"
                                            : "</s>"},
                       {"special", true}});
    for (const auto& [left, right] : merges_) merges.push_back(left + " " + right);
    const Json model = {{"type", "BPE"},
                        {"byte_fallback", true},
                        {"unk_token", "<unk>"},
                        {"vocab", vocab_},
                        {"merges", merges}};
    return {{"added_tokens", added},
            {"normalizer", {{"type", "Sequence"}, {"normalizers", {prepend, replace}}}},
            {"model", model}};
  }

  // What the merges themselves make of letters: the pair of the lowest rank is joined, the leftmost first.
  std::vector<Token> by_merges(std::vector<std::string> parts) const {
    while (true) {
      size_t best = merges_.size(), at = 0;
      for (size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = std::ranges::find(merges_, std::pair(parts[i], parts[i + 1]));
        const auto rank = static_cast<size_t>(found - merges_.begin());
        if (rank < best) best = rank, at = i;
      }
      if (best == merges_.size()) break;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<ptrdiff_t>(at) + 1);
    }
    std::vector<Token> out;
    for (const std::string& part : parts) out.push_back(static_cast<Token>(vocab_.at(part)));
    return out;
  }

  std::mt19937 random_{7};
  std::map<std::string, size_t> vocab_;
  std::vector<std::string> letters_;
  std::vector<std::pair<std::string, std::string>> merges_;
};

TEST_F(SentencePiece, ScoresJoinAsTheMergesDo) {
  const auto vocab = read_tokenizer_json(file().dump(), "t", 0);
  ASSERT_TRUE(vocab) << vocab.error().message;
  const auto tokenizer = make_tokenizer(*vocab);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> parts = {"▁"};
    std::string text;
    for (size_t n = 1 + random_() % 40; n > 0; --n) {
      parts.push_back(letters_[random_() % letters_.size()]);
      text += parts.back() == "▁" ? " " : parts.back();
    }
    EXPECT_EQ((*tokenizer)->encode(text, false), by_merges(parts)) << text;
  }
}

TEST_F(SentencePiece, TypesAndSpacesAreAsTheFileHasThem) {
  const auto types = [&](const Json& json) { return *read_tokenizer_json(json.dump(), "t", 0); };
  const VocabData vocab = types(file());
  EXPECT_EQ(vocab.model, "llama");
  EXPECT_EQ(vocab.unknown, 0);
  EXPECT_EQ(token_type(vocab, 0), TokenType::kUnknown);
  EXPECT_EQ(token_type(vocab, 1), TokenType::kControl);
  EXPECT_EQ(token_type(vocab, 3), TokenType::kByte);
  EXPECT_EQ(token_type(vocab, vocab_.at("a")), TokenType::kNormal);
  EXPECT_EQ(token_type(vocab, vocab_.at("never")), TokenType::kUnused);
  EXPECT_EQ(vocab.add_space_prefix, true);
  Json other = file();
  other["normalizer"] = other["normalizer"]["normalizers"][1];
  EXPECT_EQ(types(other).add_space_prefix, false);
  other["pre_tokenizer"] = {{"type", "Metaspace"}, {"prepend_scheme", "first"}};
  EXPECT_EQ(types(other).add_space_prefix, true);
  other["pre_tokenizer"]["prepend_scheme"] = "never";
  EXPECT_EQ(types(other).add_space_prefix, false);
  other["normalizer"] = {{"type", "Precompiled"}};
  EXPECT_THAT(read_tokenizer_json(other.dump(), "t", 0).error().message, HasSubstr("\"Precompiled\""));
  other = file();
  other["model"]["merges"].push_back("a never");
  EXPECT_THAT(read_tokenizer_json(other.dump(), "t", 0).error().message, HasSubstr("makes no token"));
}

TEST(ReadTokenizerJson, WordPieceIsUncasedOnly) {
  Json file = {{"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
               {"model",
                {{"type", "WordPiece"},
                 {"unk_token", "[UNK]"},
                 {"continuing_subword_prefix", "##"},
                 {"vocab", {{"[UNK]", 0}, {"[CLS]", 1}, {"[SEP]", 2}, {"dog", 3}, {"##s", 4}, {"##", 5}}}}},
               {"added_tokens", Json::array()}};
  EXPECT_THAT(refusal(file.dump()), HasSubstr("added_tokens has no [CLS]"));
  for (const char* name : {"[UNK]", "[CLS]", "[SEP]"})
    file["added_tokens"].push_back(
        {{"id", file["added_tokens"].size()}, {"content", name}, {"special", true}});
  const auto vocab = read_tokenizer_json(file.dump(), "t", 0);
  ASSERT_TRUE(vocab) << vocab.error().message;
  EXPECT_THAT(vocab->tokens, ElementsAre("[UNK]", "[CLS]", "[SEP]", "▁dog", "s", "▁##"));
  EXPECT_EQ(vocab->bos, 1);
  EXPECT_EQ(vocab->eos, 2);
  EXPECT_THAT((*make_tokenizer(*vocab))->encode("Dogs cat", false), ElementsAre(3, 4, 0));
  file["normalizer"]["lowercase"] = false;
  EXPECT_THAT(refusal(file.dump()), HasSubstr("other than BertNormalizer with lowercase"));
}

TEST(ConvertVocabulary, TakesTextsForIdsWhereThereAreNone) {
  const HubFolder hub;
  hub.write("tokenizer.json",
            R"({"pre_tokenizer":{"type":"ByteLevel"},"added_tokens":[)"
            R"({"id":1,"content":"<s>","special":true},{"id":2,"content":"</s>","special":true}],)"
            R"("model":{"type":"BPE","vocab":{"a":0},"merges":[]}})");
  hub.write("tokenizer_config.json",
            R"({"bos_token":"<s>","eos_token":{"content":"</s>"},"add_bos_token":true,"chat_template":"x"})");
  const auto made = convert_vocabulary(hub.path());
  ASSERT_TRUE(made) << made.error().message;
  const auto file = Gguf::parse(*made, "made");
  const auto tokenizer = make_tokenizer(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->size(), 3u);
  EXPECT_EQ((*tokenizer)->bos(), 1);
  EXPECT_EQ((*tokenizer)->end(), 2);
  EXPECT_TRUE((*tokenizer)->adds_bos());
  EXPECT_EQ(*file->string("tokenizer.chat_template"), "x");
  hub.write("config.json", R"({"eos_token_id":7})");
  const auto outside = convert_vocabulary(hub.path());
  ASSERT_FALSE(outside);
  EXPECT_THAT(outside.error().message, HasSubstr("eos_token_id is outside of the vocabulary"));
}

}  // namespace
}  // namespace phios
