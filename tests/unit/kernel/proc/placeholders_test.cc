// Placeholders alone, and the standard prompt programs as the trainer renders them: the same tokens here.
#include "kernel/proc/placeholders.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "drivers/model/native/native_model.h"
#include "kernel/proc/vocabulary.h"
#include "userland/prompt/document.h"

namespace phios {
namespace {

using Cells = std::map<std::string, std::string, std::less<>>;

Result<std::string> read(const Cells& cells, std::string_view name) {
  if (name.starts_with('@')) return read(cells, TRY(read(cells, name.substr(1))));
  const auto it = cells.find(name);
  if (it == cells.end()) return fail(ErrorCode::ENOENT_, "no cell");
  return it->second;
}

std::string filled(std::string_view text, const Cells& cells) {
  auto out = fill_placeholders(text, [&](std::string_view name) { return read(cells, name); });
  return out ? *out : "error: " + out.error().message;
}

TEST(Placeholders, AreTheTextOfCellsOrTheDefault) {
  const Cells cells = {{"a", "1"}, {"i", "-2"}, {"-2", "x{{a}}"}, {"empty", ""}};
  EXPECT_EQ(filled("{{a}} {{a|9}}{{b|9}}[{{b}}]", cells), "1 19[]");
  EXPECT_EQ(filled("{{@i}}, {{@a|_}}, {{@b|_}}", cells), "x{{a}}, _, _");
  EXPECT_EQ(filled("{{empty|full}} {{b|}} {a} }}", cells), "  {a} }}");
}

TEST(Placeholders, OtherErrorsEndTheText) {
  const auto denied = fill_placeholders(
      "{{a|1}}", [](std::string_view) -> Result<std::string> { return fail(ErrorCode::EPERM_, "no"); });
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::EPERM_);
}

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), {}};
}

TEST(Placeholders, TheStandardProgramsAreWhatTheModelWasTrainedOn) {
  const std::string userland = std::string(PHIOS_SOURCE_DIR) + "/userland/";
  const auto rendered = nlohmann::json::parse(text_of(userland + "models/train/rendered.json"));
  const auto cells = rendered["cells"].get<Cells>();
  const std::string file = text_of(userland + "models/phi-nano.gguf");
  auto model = open_native_model(std::as_bytes(std::span(file)), "phi-nano.gguf");
  ASSERT_TRUE(model) << model.error().message;
  const Vocabulary vocabulary(**model);
  ASSERT_GT(rendered["cases"].size(), 5u);
  for (const auto& c : rendered["cases"]) {
    const auto document =
        prompt::read_document(text_of(userland + "programs/" + c["program"].get<std::string>()));
    ASSERT_TRUE(document) << c["program"];
    const auto section =
        std::ranges::find(document->sections, c["section"].get<std::string>(), &prompt::Section::label);
    ASSERT_NE(section, document->sections.end()) << c["section"];
    std::vector<Token> ids = vocabulary.beginning();
    for (const Token t : vocabulary.encode(filled(document->base, cells))) ids.push_back(t);
    for (const Token t : vocabulary.encode(filled(section->text, cells))) ids.push_back(t);
    EXPECT_EQ(ids, c["ids"].get<std::vector<Token>>()) << c["program"] << " # " << c["section"];
  }
}

}  // namespace
}  // namespace phios
