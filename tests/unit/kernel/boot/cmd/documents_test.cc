#include "kernel/boot/cmd/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "drivers/retrieval/retrieval.h"

namespace phios {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Documents : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    home_ = fs::temp_directory_path() / ("phios-documents-" + std::to_string(getpid()) + test->name());
    fs::create_directories(home_);
  }
  void TearDown() override { fs::remove_all(home_); }

  std::string write(const std::string& name, const std::string& text) {
    fs::create_directories((home_ / name).parent_path());
    std::ofstream(home_ / name) << text;
    return (home_ / name).string();
  }
  // "id|title|text" of each document.
  std::vector<std::string> all() {
    std::vector<std::string> out;
    for (const Document& d : reader_.documents()) out.push_back(d.id + "|" + d.title + "|" + d.text);
    return out;
  }
  std::string error(const std::string& path) {
    const Status status = reader_.read(path);
    return status ? "no error" : status.error().message;
  }

  fs::path home_;
  DocumentReader reader_;
};

TEST_F(Documents, OfADirectoryInOrder) {
  write("b.md", "# Heading\nBody");
  write("a.txt", "Alpha");
  write("deep/er/c.markdown", "Gamma");
  write("deep/program.cc", "int main() {}");
  write(".git/notes.txt", "hidden");
  write("deep/.hidden.txt", "hidden");
  write("binary.txt", std::string("a\0b", 3));
  write("huge.txt", std::string(kDocumentMax + 1, 'x'));
  ASSERT_EQ(error(home_.string()), "no error");
  EXPECT_THAT(all(), ElementsAre("a.txt|a|Alpha", "b.md||# Heading\nBody", "deep/er/c.markdown|c|Gamma"));
  EXPECT_THAT(reader_.notices(), ElementsAre(HasSubstr("binary.txt: byte 2 is no UTF-8 text"),
                                             HasSubstr("huge.txt: 8388609 bytes, at most 8388608")));
}

TEST_F(Documents, OfLines) {
  ASSERT_EQ(
      error(write(
          "x.jsonl",
          "{\"id\": \"one\", \"title\": \"First\", \"text\": \"t1\"}\n\n"
          "{\"id\": 2, \"text\": \"t2\"}\n{\"title\": \"Third\", \"text\": \"t3\"}\n"
          "{\"id\": 9, \"paragraphs\": [{\"title\": \"Oslo\", \"text\": \"city\"}, {\"title\": \"Oslo\", "
          "\"text\": \"city\"}, {\"title\": \"Oslo\", \"text\": \"film\"}]}\n")),
      "no error");
  EXPECT_THAT(all(),
              ElementsAre("one|First|t1", "2||t2", "Third|Third|t3", "Oslo|Oslo|city", "Oslo (2)|Oslo|film"));
}

TEST_F(Documents, ErrorsNameFileAndLine) {
  const std::string path = write("x.jsonl", "{\"id\": \"one\", \"text\": \"t1\"}\nnonsense\n");
  EXPECT_EQ(error(path), path + ":2: a JSON object expected");
  const std::string no_text = write("y.jsonl", "{\"id\": 1, \"text\": 5}");
  EXPECT_EQ(error(no_text), no_text + ":1: text: a string expected");
  const std::string no_id = write("z.jsonl", "{\"text\": \"a\"}");
  EXPECT_EQ(error(no_id), no_id + ":1: id: a string or an integer expected");
  const std::string no_list = write("w.jsonl", "{\"paragraphs\": 3}");
  EXPECT_EQ(error(no_list), no_list + ":1: paragraphs: a list expected");
  const std::string binary = write("named.txt", "\xff");
  EXPECT_EQ(error(binary), binary + ": byte 1 is no UTF-8 text");
  EXPECT_EQ(error(write("x.pdf", "")),
            (home_ / "x.pdf").string() + ": a directory, .txt, .md or .jsonl expected");
  EXPECT_EQ(error("/nowhere"), "/nowhere: no such file");
}

}  // namespace
}  // namespace phios
