#include "drivers/retrieval/retrieval.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "tests/unit/drivers/retrieval/driver_fixture.h"

namespace phios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(RetrievalTest, FindsWhatTheWordsAreAbout) {
  ASSERT_EQ(
      index("default",
            {{"oslo", "The city is the capital of Norway. It has 700,000 inhabitants.", "Oslo"},
             {"rome", "The city is the capital of Italy.", "Rome"},
             {"norway", "# Norway\n\nA country in the north of Europe. Its capital lies in the south."}})
          .value(),
      3u);
  EXPECT_THAT(found("How many people live in Oslo?", 1), ElementsAre("oslo"));
  EXPECT_THAT(found("capital of Italy", 1), ElementsAre("rome"));
  EXPECT_THAT(found("Norway's capital", 2), ElementsAre("norway", "oslo"));
  EXPECT_THAT(found("CAPITALS"), testing::SizeIs(3));
  EXPECT_THAT(found("Berlin"), IsEmpty());
  EXPECT_THAT(found("?!"), IsEmpty());
  const auto passages = retrieve({.query = "north of Europe", .k = 1});
  ASSERT_TRUE(passages);
  EXPECT_EQ((*passages)[0].text, "Norway: A country in the north of Europe. Its capital lies in the south.");
  EXPECT_GT((*passages)[0].score, 0);
}

TEST_F(RetrievalTest, AnEntityIsFoundByItsName) {
  std::vector<Document> documents;
  for (int i = 0; i < 50; ++i) {
    const std::string n = std::to_string(i);
    documents.push_back({"rankin" + n,
                         "Rankin County number " + n + " elected George Smith to an occupation.",
                         "Rankin County " + n});
    documents.push_back({"george" + n, "George the " + n + "th had no occupation.", "George " + n});
  }
  documents.push_back({"it", "He was an Australian soldier and politician.", "George Rankin"});
  ASSERT_TRUE(index("default", documents));
  EXPECT_THAT(found("George Rankin occupation", 1), ElementsAre("it"));
  EXPECT_THAT(found("What is George Rankin's occupation?", 1), ElementsAre("it"));
}

TEST_F(RetrievalTest, DocumentsAreReplacedGottenAndRemoved) {
  ASSERT_TRUE(index("notes", {{"a", "first words"}, {"b", "other words"}}));
  ASSERT_TRUE(index("notes", {{"a", "second thoughts"}}));
  EXPECT_THAT(found("first", 3, "notes"), IsEmpty());
  EXPECT_THAT(found("second", 3, "notes"), ElementsAre("a"));
  EXPECT_EQ(get("notes", "a").value(), "second thoughts");
  EXPECT_EQ(get("notes", "c").error().message, "the collection notes has no document c");
  EXPECT_TRUE(remove("notes", "a").value());
  EXPECT_FALSE(remove("notes", "a").value());
  EXPECT_THAT(found("thoughts", 3, "notes"), IsEmpty());
  EXPECT_TRUE(remove("notes", "b").value());
  EXPECT_THAT(driver_->collections().value(), IsEmpty());
  EXPECT_THAT(found("words", 3, "notes"),
              ElementsAre("no collection is called notes: there are none; phios index makes one"));
}

TEST_F(RetrievalTest, CollectionsAreApart) {
  ASSERT_TRUE(index("one", {{"x", "apple tree"}}));
  ASSERT_TRUE(index("two", {{"x", "apple pie"}}));
  EXPECT_THAT(found("tree", 3, "two"), IsEmpty());
  EXPECT_EQ(get("two", "x").value(), "apple pie");
  EXPECT_THAT(driver_->collections().value(), ElementsAre("one", "two"));
  EXPECT_THAT(found("apple", 3, "three"), ElementsAre("no collection is called three: there are one, two"));
}

TEST_F(RetrievalTest, ManyPassagesOfOneDocument) {
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += "Fact " + std::to_string(i) + " is about subject" + std::to_string(i) + ". ";
  const auto passages = index("default", {{"long", text, "Facts"}});
  ASSERT_TRUE(passages);
  EXPECT_GT(*passages, 50u);
  const auto best = retrieve({.query = "subject1234", .k = 1});
  ASSERT_TRUE(best);
  ASSERT_EQ(best->size(), 1u);
  EXPECT_THAT((*best)[0].text, HasSubstr("about subject1234."));
  EXPECT_TRUE(remove("default", "long").value());
}

TEST_F(RetrievalTest, BadInputIsNamedAndChangesNothing) {
  EXPECT_EQ(index("default", {{"good", "text"}, {"", "text"}}).error().message,
            "a document's id has 1 to 1024 bytes");
  EXPECT_EQ(index("default", {{"bad", "te\xff"}}).error().message, "document bad: byte 3 is no UTF-8 text");
  EXPECT_EQ(index("default", {{"big", std::string(kDocumentMax + 1, 'x')}}).error().code,
            ErrorCode::ETOOBIG_);
  EXPECT_EQ(index("a'; DROP TABLE", {{"x", "y"}}).error().code, ErrorCode::EINVAL_);
  EXPECT_THAT(driver_->collections().value(), IsEmpty());
  ASSERT_TRUE(index("default", {{"x'; DROP TABLE documents; --", "harmless"}}));
  EXPECT_THAT(found("harmless"), ElementsAre("x'; DROP TABLE documents; --"));
  EXPECT_EQ(retrieve({.query = "x", .k = 0}).error().message, "k is 0, 1 to 64 expected");
  EXPECT_EQ(retrieve({.query = "x", .k = 65}).error().code, ErrorCode::EINVAL_);
}

TEST_F(RetrievalTest, ADatabaseThatIsNoneIsAnError) {
  const auto bad = home_ / "bad";
  std::filesystem::create_directories(bad);
  std::ofstream(bad / "documents.db") << std::string(10'000, 'x');
  const auto driver = open_retrieval(env_, bad.string());
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().code, ErrorCode::EIO_);
  EXPECT_THAT(driver.error().message, HasSubstr("bad/documents.db"));
  EXPECT_FALSE(open_retrieval(env_, "/proc/nowhere"));
}

TEST_F(RetrievalTest, SurvivesReopening) {
  ASSERT_TRUE(index("default", {{"x", "something to keep"}}));
  driver_.reset();
  driver_ = std::move(open_retrieval(env_, home_.string()).value());
  EXPECT_THAT(found("keep"), ElementsAre("x"));
}

TEST_F(RetrievalTest, ThreadsReadAndWriteAtOnce) {
  ASSERT_TRUE(index("default", {{"seed", "common seed"}}));
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(t) + "." + std::to_string(i);
        if (!index("default", {{id, "common text " + id}})) ++failures;
        if (!retrieve({.query = "common"})) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(found("common", 64).size(), 64u);
}

TEST_F(RetrievalTest, ProcessesShareADatabase) {
  ASSERT_TRUE(index("default", {{"seed", "common"}}));
  driver_.reset();  // no thread of ours lives across the fork
  std::vector<pid_t> children;
  for (int c = 0; c < 3; ++c) {
    const pid_t pid = fork();
    if (pid == 0) {
      driver_ = std::move(open_retrieval(env_, home_.string()).value());
      bool good = true;
      for (int i = 0; i < 10; ++i) {
        good = good && index("default", {{std::to_string(c) + "." + std::to_string(i), "common"}});
      }
      driver_.reset();
      _exit(good ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  driver_ = std::move(open_retrieval(env_, home_.string()).value());
  EXPECT_EQ(found("common", 64).size(), 31u);
}

TEST_F(RetrievalTest, StopsAtItsDeadlineAndOnCancel) {
  std::vector<Document> documents;
  for (int i = 0; i < 5000; ++i)
    documents.push_back({std::to_string(i), "the common words of all documents"});
  ASSERT_TRUE(index("default", documents));
  EXPECT_EQ(retrieve({.query = "common words documents", .k = 3, .deadline = 0}).error().code,
            ErrorCode::ETIMEDOUT_);
  EXPECT_TRUE(retrieve({.query = "common words documents", .k = 3}));
}

}  // namespace
}  // namespace phios
