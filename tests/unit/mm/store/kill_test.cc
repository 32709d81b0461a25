// A writer of durable cells is killed a hundred times at random moments; every write that was acknowledged
// must be there afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "mm/store/durable.h"
#include "tests/unit/mm/store/temp_dir.h"

namespace phios {
namespace {

constexpr int kKills = 100;
constexpr uint32_t kMostAcknowledged = 40;  // before the kill
constexpr int kLongestDelayMicros = 3'000;  // after the last one that was waited for
constexpr uint32_t kCells = 50;

std::string value_of(uint32_t number) {
  return fmt::format("{}:{}", number, std::string(number % 3000, 'v'));
}

// Writes the numbers from `first` on, number n into the cell n % kCells, and tells each acknowledged one
// through the pipe. Never returns.
[[noreturn]] void write_until_killed(const std::string& path, uint32_t first, int pipe) {
  constexpr uint32_t kInFlight = 20;
  auto cells = DurableCells::open(path);
  if (!cells) ::_exit(1);
  std::atomic<uint32_t> acknowledged{first};
  for (uint32_t number = first;; ++number) {
    while (number - acknowledged.load() > kInFlight) std::this_thread::yield();
    (*cells)->write(fmt::format("/mem/{}", number % kCells), value_of(number),
                    [&acknowledged, number, pipe](const Result<std::string>& result) {
                      if (!result) ::_exit(1);
                      if (::write(pipe, &number, sizeof number) != sizeof number) ::_exit(1);
                      acknowledged.store(number);
                    });
  }
}

// Takes a child's next acknowledgement. False at the pipe's end.
bool take(int pipe, uint32_t& number) {
  return ::read(pipe, &number, sizeof number) == static_cast<ssize_t>(sizeof number);
}

TEST(DurableKill, AcknowledgedWritesSurvive) {
  const TempDir dir;
  std::mt19937 random(20250);
  uint32_t last = 0;  // the last number acknowledged; those before it were too
  uint32_t acknowledged_runs = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::close(ends[0]);
      write_until_killed(dir.path(), last + 1, ends[1]);
    }
    ::close(ends[1]);
    const uint32_t before = last;
    for (uint32_t wanted = random() % kMostAcknowledged; wanted > 0 && take(ends[0], last); --wanted) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % kLongestDelayMicros));
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";
    while (take(ends[0], last)) {
    }
    ::close(ends[0]);
    acknowledged_runs += last > before;

    auto cells = DurableCells::open(dir.path());
    ASSERT_TRUE(cells.has_value()) << cells.error().message;
    uint32_t newest = last;
    const uint32_t oldest = last >= kCells ? last - kCells + 1 : 1;
    for (uint32_t number = oldest; number <= last; ++number) {
      const auto value = (*cells)->read(fmt::format("/mem/{}", number % kCells));
      ASSERT_TRUE(value.has_value()) << "number " << number << " of " << last;
      // A later write to the same cell may have been committed without its acknowledgement getting out.
      const auto found = static_cast<uint32_t>(std::stoul(*value));
      ASSERT_GE(found, number);
      ASSERT_EQ(found % kCells, number % kCells);
      ASSERT_EQ(*value, value_of(found));
      newest = std::max(newest, found);
    }
    last = newest;
  }
  EXPECT_GT(acknowledged_runs, kKills * 3u / 4);
  RecordProperty("writes", static_cast<int>(last));
}

}  // namespace
}  // namespace phios
