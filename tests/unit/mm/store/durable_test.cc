#include "mm/store/durable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "syscalls/abi/limits.h"
#include "tests/unit/mm/store/temp_dir.h"

namespace phios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Cells = std::unique_ptr<DurableCells>;

constexpr size_t kSmallMap = 64 * 1024;

Cells open(const std::string& path, size_t map_bytes = DurableCells::kMapBytes) {
  auto cells = DurableCells::open(path, map_bytes);
  EXPECT_TRUE(cells.has_value()) << cells.error().message;
  return cells ? std::move(*cells) : nullptr;
}

// Makes one write and waits for its answer.
template <class Call>
Result<std::string> wait(Call&& call) {
  std::promise<Result<std::string>> answer;
  call([&](Result<std::string> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}
Result<std::string> write(DurableCells& cells, const std::string& name, const std::string& value) {
  return wait([&](auto done) { cells.write(name, value, done); });
}

TEST(Durable, KeepsWhatWasWritten) {
  const TempDir dir;
  {
    const Cells cells = open(dir.path() + "/deep/down");
    EXPECT_EQ(write(*cells, "/mem/a", "1").value(), "");
    EXPECT_EQ(cells->read("/mem/a").value(), "1");
    EXPECT_EQ(cells->read("/mem/b").error().code, ErrorCode::ENOENT_);
    EXPECT_EQ(write(*cells, "/mem/big", std::string(PHI_CELL_MAX, 'x')).value(), "");
  }
  const Cells cells = open(dir.path() + "/deep/down");
  EXPECT_EQ(cells->read("/mem/a").value(), "1");
  EXPECT_EQ(cells->read("/mem/big").value().size(), size_t{PHI_CELL_MAX});
  EXPECT_EQ(write(*cells, "/mem/a", "").value(), "");
  EXPECT_EQ(cells->read("/mem/a").error().code, ErrorCode::ENOENT_);
}

TEST(Durable, MovesCopiesSwapsAdds) {
  const TempDir dir;
  const Cells cells = open(dir.path());
  ASSERT_TRUE(write(*cells, "/mem/a", "5").has_value());
  EXPECT_EQ(wait([&](auto done) { cells->copy("/mem/b", "/mem/a", done); }).value(), "");
  EXPECT_EQ(wait([&](auto done) { cells->move("/mem/c", "/mem/a", done); }).value(), "");
  EXPECT_EQ(wait([&](auto done) { cells->move("/mem/c", "/mem/c", done); }).value(), "");
  EXPECT_THAT(cells->list("/mem/", 9).value(), ElementsAre("/mem/b", "/mem/c"));
  EXPECT_THAT(cells->list("/mem/", 1).value(), ElementsAre("/mem/b"));
  EXPECT_THAT(cells->list("", 9).value(), ElementsAre("/mem/b", "/mem/c"));
  EXPECT_THAT(cells->list("/mem/d", 9).value(), ElementsAre());
  EXPECT_THAT(cells->list(std::string(600, 'x'), 9).value(), ElementsAre());
  EXPECT_EQ(wait([&](auto done) { cells->move("/mem/c", "/mem/none", done); }).error().code,
            ErrorCode::ENOENT_);
  EXPECT_EQ(wait([&](auto done) { cells->add("/mem/c", "-6", done); }).value(), "-1");
  EXPECT_EQ(wait([&](auto done) { cells->add("/mem/new", "3", done); }).value(), "3");
  EXPECT_EQ(wait([&](auto done) { cells->add("/mem/c", "x", done); }).error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(wait([&](auto done) { cells->compare_and_swap("/mem/c", "-1", "9", done); }).value(), "1");
  EXPECT_EQ(wait([&](auto done) { cells->compare_and_swap("/mem/c", "-1", "8", done); }).value(), "0");
  EXPECT_EQ(wait([&](auto done) { cells->compare_and_swap("/mem/d", "", "8", done); }).value(), "1");
  EXPECT_EQ(wait([&](auto done) { cells->compare_and_swap("/mem/c", "9", "", done); }).value(), "1");
  EXPECT_EQ(wait([&](auto done) { cells->erase("/mem/d", done); }).value(), "");
  EXPECT_EQ(wait([&](auto done) { cells->erase("/mem/d", done); }).value(), "");
  EXPECT_THAT(cells->list("/mem/", 9).value(), ElementsAre("/mem/b", "/mem/new"));
}

TEST(Durable, RefusesBadNamesAndValues) {
  const TempDir dir;
  const Cells cells = open(dir.path());
  EXPECT_EQ(write(*cells, "", "1").error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(write(*cells, "/mem/" + std::string(PHI_CELL_NAME_MAX, 'a'), "1").error().code,
            ErrorCode::ETOOBIG_);
  EXPECT_EQ(write(*cells, "/mem/a", "\xff").error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(write(*cells, "/mem/a", std::string(PHI_CELL_MAX + 1, 'x')).error().code, ErrorCode::ETOOBIG_);
  EXPECT_EQ(wait([&](auto done) { cells->copy("/mem/a", "", done); }).error().code, ErrorCode::EINVAL_);
}

TEST(Durable, AppliesOneCallersWritesInOrder) {
  constexpr int kWrites = 3000;
  const TempDir dir;
  const Cells cells = open(dir.path(), kSmallMap);
  std::vector<std::string> answers;
  std::promise<void> all;
  for (int i = 1; i <= kWrites; ++i) {
    cells->add("/mem/n", "1", [&, i](Result<std::string> result) {
      answers.push_back(result.value());
      if (i == kWrites) all.set_value();
    });
  }
  all.get_future().get();
  for (int i = 1; i <= kWrites; ++i) ASSERT_EQ(answers[static_cast<size_t>(i - 1)], std::to_string(i));
}

TEST(Durable, GrowsTheMapWhenItIsFull) {
  const TempDir dir;
  {
    const Cells cells = open(dir.path(), kSmallMap);
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(
          write(*cells, fmt::format("/mem/{}", i), std::string(30'000, static_cast<char>('a' + i % 26))));
    }
  }
  const Cells cells = open(dir.path(), kSmallMap);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(cells->read(fmt::format("/mem/{}", i)).value(),
              std::string(30'000, static_cast<char>('a' + i % 26)));
  }
}

TEST(Durable, TheDestructorCommitsWhatIsQueued) {
  const TempDir dir;
  int answered = 0;
  {
    const Cells cells = open(dir.path());
    for (int i = 0; i < 200; ++i) {
      cells->write(fmt::format("/mem/{}", i), "v",
                   [&](const Result<std::string>& result) { answered += result.has_value(); });
    }
  }
  EXPECT_EQ(answered, 200);
  EXPECT_EQ(open(dir.path())->list("/mem/", 1000).value().size(), 200u);
}

TEST(Durable, IsOpenOnceInAProcess) {
  const TempDir dir;
  {
    const Cells cells = open(dir.path());
    EXPECT_EQ(DurableCells::open(dir.path() + "/.").error().code, ErrorCode::EBUSY_);
  }
  EXPECT_TRUE(DurableCells::open(dir.path()).has_value());
}

// Several processes add to one counter while the map grows under all of them.
TEST(Durable, ProcessesShareAStore) {
  constexpr int kProcesses = 4;
  constexpr int kAdds = 40;
  const TempDir dir;
  std::vector<pid_t> children;
  for (int me = 0; me < kProcesses; ++me) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      bool ok = false;
      {
        auto cells = DurableCells::open(dir.path(), kSmallMap);
        ok = cells.has_value();
        for (int i = 0; ok && i < kAdds; ++i) {
          ok = wait([&](auto done) { (*cells)->add("/mem/n", "1", done); }).has_value();
          ok = ok && write(**cells, fmt::format("/mem/{}/{}", me, i), std::string(5000, 'x')).has_value();
          ok = ok && (*cells)->read(fmt::format("/mem/{}/{}", me, i)).has_value();
        }
      }
      ::_exit(ok ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const Cells cells = open(dir.path(), kSmallMap);
  EXPECT_EQ(cells->read("/mem/n").value(), std::to_string(kProcesses * kAdds));
  EXPECT_EQ(cells->list("/mem/", 1000).value().size(), size_t{kProcesses * kAdds + 1});
}

TEST(Durable, SaysWhatIsWrongWithTheDirectory) {
  const TempDir dir;
  std::ofstream(dir.path() + "/file") << "x";
  const auto refused = DurableCells::open(dir.path() + "/file");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::EIO_);
  EXPECT_THAT(refused.error().message, HasSubstr(dir.path() + "/file"));
}

TEST(Durable, RefusesWhatIsNoStore) {
  const TempDir dir;
  std::ofstream(dir.path() + "/data.mdb") << std::string(100'000, 'x');
  const auto refused = DurableCells::open(dir.path());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::EIO_);
}

TEST(Durable, RefusesAnotherFormat) {
  const TempDir dir;
  open(dir.path());
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi meta = 0;
  mdb_env_create(&env);
  mdb_env_set_maxdbs(env, 2);
  ASSERT_EQ(mdb_env_open(env, dir.path().c_str(), MDB_NOTLS, 0600), 0);
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  ASSERT_EQ(mdb_dbi_open(txn, "meta", 0, &meta), 0);
  std::string name = "format", two = "2";
  MDB_val key{name.size(), name.data()}, value{two.size(), two.data()};
  ASSERT_EQ(mdb_put(txn, meta, &key, &value, 0), 0);
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
  const auto refused = DurableCells::open(dir.path());
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("its format is 2"));
}

// Cut at every page: an error or the value, and never a wrong value or the end of the process.
TEST(Durable, ReadsNothingWrongFromAFileCutShort) {
  const TempDir whole;
  {
    const Cells cells = open(whole.path());
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(write(*cells, fmt::format("/mem/{}", i), std::string(6000, static_cast<char>('a' + i))));
    }
  }
  const auto size = std::filesystem::file_size(whole.path() + "/data.mdb");
  constexpr uint64_t kPage = 4096;
  int errors = 0;
  for (uint64_t cut = 0; cut < size; cut += kPage) {
    const TempDir dir;
    std::filesystem::copy_file(whole.path() + "/data.mdb", dir.path() + "/data.mdb");
    std::filesystem::resize_file(dir.path() + "/data.mdb", cut);
    auto cells = DurableCells::open(dir.path());
    for (int i = 0; cells && i < 20; ++i) {
      const auto value = (*cells)->read(fmt::format("/mem/{}", i));
      if (!value) {
        ++errors;
      } else {
        ASSERT_EQ(*value, std::string(6000, static_cast<char>('a' + i)));
      }
    }
    if (cells) (void)write(**cells, "/mem/new", "1");
  }
  EXPECT_GT(errors, 0);
}

}  // namespace
}  // namespace phios
