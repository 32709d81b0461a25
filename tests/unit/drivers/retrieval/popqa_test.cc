// Questions about entities over an index of real articles, where they are at hand: $PHIOS_DATA names their
// folder.
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/drivers/retrieval/driver_fixture.h"

namespace phios {
namespace {

TEST_F(RetrievalTest, PopqaArticlesAreFoundByName) {
  const char* data = std::getenv("PHIOS_DATA");
  std::ifstream in(data == nullptr ? "" : std::string(data) + "/retrieval/popqa_300.jsonl");
  if (!in) GTEST_SKIP() << "no questions: PHIOS_DATA names the folder that has retrieval/popqa_300.jsonl";
  std::vector<Document> documents;
  std::vector<std::pair<std::string, std::string>> questions;  // and the article that is meant
  for (std::string line; std::getline(in, line);) {
    const auto record = nlohmann::json::parse(line);
    for (const auto& paragraph : record["paragraphs"]) {
      const std::string title = paragraph["title"];
      documents.push_back({std::to_string(documents.size()) + " " + title, paragraph["text"], title});
    }
    questions.emplace_back(record["question"], record["paragraphs"][0]["title"]);
  }
  ASSERT_TRUE(index("default", documents));
  int first = 0;
  int among_three = 0;
  const Nanos began = env_.now();
  for (const auto& [question, title] : questions) {
    const auto passages = retrieve({.query = question, .k = 3});
    ASSERT_TRUE(passages);
    for (size_t i = 0; i < passages->size(); ++i) {
      if (!(*passages)[i].text.starts_with(title + ": ")) continue;
      first += i == 0 ? 1 : 0;
      ++among_three;
      break;
    }
  }
  std::cout << "of " << questions.size() << ": " << first << " first, " << among_three << " among three, "
            << (env_.now() - began) / kMillisecond << " ms\n";
  EXPECT_GE(among_three * 100, static_cast<int>(questions.size()) * 95);
}

}  // namespace
}  // namespace phios
