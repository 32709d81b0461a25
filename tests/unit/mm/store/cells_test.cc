#include "mm/store/cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "syscalls/abi/limits.h"

namespace phios {
namespace {

using testing::ElementsAre;

TEST(Cells, KindsByPrefix) {
  EXPECT_EQ(cell_kind("n"), CellKind::kPrivate);
  EXPECT_EQ(cell_kind("/shm/n"), CellKind::kShared);
  EXPECT_EQ(cell_kind("/mem/n"), CellKind::kDurable);
  EXPECT_EQ(cell_kind("/mem"), CellKind::kPrivate);
}

TEST(Cells, NamesAndValuesAreChecked) {
  EXPECT_TRUE(check_cell_name("größe").has_value());
  EXPECT_TRUE(check_cell_name(std::string(PHI_CELL_NAME_MAX, 'a')).has_value());
  EXPECT_EQ(check_cell_name("").error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(check_cell_name(std::string(PHI_CELL_NAME_MAX + 1, 'a')).error().code, ErrorCode::ETOOBIG_);
  for (const std::string bad :
       {"a\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    EXPECT_EQ(check_cell_name(bad).error().code, ErrorCode::EINVAL_);
    EXPECT_EQ(check_cell_value("n", bad).error().code, ErrorCode::EINVAL_);
  }
  EXPECT_EQ(check_cell_name(std::string("a\0b", 3)).error().code, ErrorCode::EINVAL_);
  EXPECT_TRUE(check_cell_value("n", "\xf0\x9f\x98\x80 \xef\xbf\xbf").has_value());
  EXPECT_TRUE(check_cell_value("n", std::string(PHI_CELL_MAX, 'a')).has_value());
  const auto big = check_cell_value("n", std::string(PHI_CELL_MAX + 1, 'a'));
  EXPECT_EQ(big.error().code, ErrorCode::ETOOBIG_);
  EXPECT_THAT(big.error().message, testing::HasSubstr("65537 bytes, at most 65536"));
}

TEST(Cells, AddsIntegersWithoutBound) {
  EXPECT_EQ(add_integers("1", "2").value(), "3");
  EXPECT_EQ(add_integers("-5", "3").value(), "-2");
  EXPECT_EQ(add_integers("-0", "007").value(), "7");
  EXPECT_EQ(add_integers("9223372036854775807", "1").value(), "9223372036854775808");
  EXPECT_EQ(add_integers("-9223372036854775809", "1").value(), "-9223372036854775808");
  EXPECT_EQ(add_integers("99999999999999999999", "1").value(), "100000000000000000000");
  EXPECT_EQ(add_integers(std::string(PHI_CELL_MAX - 1, '9'), "1").value(),
            "1" + std::string(PHI_CELL_MAX - 1, '0'));
  EXPECT_EQ(add_integers(std::string(PHI_CELL_MAX, '9'), "1").error().code, ErrorCode::ETOOBIG_);
  EXPECT_EQ(add_integers(std::string(PHI_CELL_MAX + 1, '0'), "1").error().code, ErrorCode::ETOOBIG_);
  for (const char* bad : {"", "-", "+1", "1.5", " 1", "1 ", "0x1", "1e3", "--1", "one"}) {
    EXPECT_EQ(add_integers(bad, "1").error().code, ErrorCode::EINVAL_) << bad;
    EXPECT_EQ(add_integers("1", bad).error().code, ErrorCode::EINVAL_) << bad;
  }
}

TEST(CellStore, EmptyIsAbsent) {
  CellStore cells(10);
  EXPECT_EQ(cells.read("a").error().code, ErrorCode::ENOENT_);
  EXPECT_TRUE(cells.write("a", "1").has_value());
  EXPECT_EQ(cells.read("a").value(), "1");
  EXPECT_TRUE(cells.write("a", "").has_value());
  EXPECT_EQ(cells.read("a").error().code, ErrorCode::ENOENT_);
  EXPECT_TRUE(cells.write("b", "").has_value());
  EXPECT_EQ(cells.size(), 0u);
  EXPECT_TRUE(cells.erase("b").has_value());
}

TEST(CellStore, MovesAndCopies) {
  CellStore cells(2);
  ASSERT_TRUE(cells.write("a", "1").has_value());
  ASSERT_TRUE(cells.write("b", "2").has_value());
  ASSERT_TRUE(cells.move("c", "a").has_value());  // the store is full, and a move needs no room
  EXPECT_THAT(cells.list("", 9), ElementsAre("b", "c"));
  EXPECT_EQ(cells.copy("d", "c").error().code, ErrorCode::ELIMIT_);
  ASSERT_TRUE(cells.copy("b", "c").has_value());
  EXPECT_EQ(cells.read("b").value(), "1");
  ASSERT_TRUE(cells.move("b", "c").has_value());
  EXPECT_THAT(cells.list("", 9), ElementsAre("b"));
  ASSERT_TRUE(cells.move("b", "b").has_value());
  EXPECT_EQ(cells.read("b").value(), "1");
  EXPECT_EQ(cells.move("b", "none").error().code, ErrorCode::ENOENT_);
  EXPECT_EQ(cells.copy("b", "none").error().code, ErrorCode::ENOENT_);
  EXPECT_EQ(cells.read("b").value(), "1");
}

TEST(CellStore, LimitsTheirNumber) {
  CellStore cells(1);
  ASSERT_TRUE(cells.write("a", "1").has_value());
  EXPECT_EQ(cells.write("b", "1").error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(cells.add("b", "1").error().code, ErrorCode::ELIMIT_);
  EXPECT_EQ(cells.compare_and_swap("b", "", "1").error().code, ErrorCode::ELIMIT_);
  EXPECT_TRUE(cells.write("a", "2").has_value());
}

TEST(CellStore, ComparesAndSwaps) {
  CellStore cells(4);
  EXPECT_FALSE(cells.compare_and_swap("a", "1", "2").value());
  EXPECT_TRUE(cells.compare_and_swap("a", "", "1").value());
  EXPECT_FALSE(cells.compare_and_swap("a", "", "2").value());
  EXPECT_TRUE(cells.compare_and_swap("a", "1", "").value());
  EXPECT_EQ(cells.size(), 0u);
}

TEST(CellStore, AddsAndRefusesWhatIsNoInteger) {
  CellStore cells(4);
  EXPECT_EQ(cells.add("n", "5").value(), "5");
  EXPECT_EQ(cells.add("n", "-7").value(), "-2");
  ASSERT_TRUE(cells.write("t", "two").has_value());
  EXPECT_EQ(cells.add("t", "1").error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(cells.read("t").value(), "two");
}

TEST(CellStore, ListsSortedByPrefixUpToALimit) {
  CellStore cells(10);
  for (const char* name : {"b2", "a", "b1", "b", "c"}) ASSERT_TRUE(cells.write(name, "1").has_value());
  EXPECT_THAT(cells.list("b", 9), ElementsAre("b", "b1", "b2"));
  EXPECT_THAT(cells.list("b", 2), ElementsAre("b", "b1"));
  EXPECT_THAT(cells.list("", 2), ElementsAre("a", "b"));
  EXPECT_THAT(cells.list("d", 2), ElementsAre());
}

TEST(CellStore, ACopyIsItsOwn) {
  CellStore cells(4);
  ASSERT_TRUE(cells.write("a", "1").has_value());
  CellStore fork = cells;
  ASSERT_TRUE(fork.write("a", "2").has_value());
  EXPECT_EQ(cells.read("a").value(), "1");
}

TEST(CellStore, CountsRightFromManyThreads) {
  CellStore cells(4);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 500; ++k) ASSERT_TRUE(cells.add("n", "1").has_value());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(cells.read("n").value(), "2000");
}

}  // namespace
}  // namespace phios
