#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "tests/unit/kernel/runtime/fixture.h"

namespace phios {
namespace {

// Every test runs on the ring, if the machine allows one, and on the fallback.
class IoTest : public RuntimeTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    RuntimeOptions options{.reactors = 2};
    options.allow_uring = GetParam();
    runtime_ = start(options);
    if (GetParam() && !runtime_->stats().uring) GTEST_SKIP() << "io_uring is forbidden here";
    ASSERT_EQ(runtime_->stats().uring, GetParam());
    ASSERT_EQ(pipe2(pipe_.data(), O_CLOEXEC), 0);
  }
  void TearDown() override {
    runtime_.reset();
    for (const int fd : pipe_) {
      if (fd >= 0) close(fd);
    }
  }
  Result<size_t> read(int fd, std::span<std::byte> buffer, int64_t offset, Nanos deadline = kNever) {
    return await_result<size_t>([&](auto done) { runtime_->async_read(fd, buffer, offset, deadline, done); });
  }
  Result<size_t> write(int fd, std::string_view text, int64_t offset, Nanos deadline = kNever) {
    return await_result<size_t>([&](auto done) {
      runtime_->async_write(fd, std::as_bytes(std::span(text)), offset, deadline, done);
    });
  }
  Result<size_t> poll(int fd, short events, Nanos deadline = kNever) {
    return await_result<size_t>([&](auto done) { runtime_->async_poll(fd, events, deadline, done); });
  }
  void on_fiber(std::function<void()> fn) {
    Waiter done;
    must_spawn(*runtime_, "test", [&] {
      fn();
      done.wake();
    });
    done.await();
  }

  std::unique_ptr<Runtime> runtime_;
  std::array<int, 2> pipe_{-1, -1};
};

std::string text_of(std::span<const std::byte> bytes, size_t n) {
  return {reinterpret_cast<const char*>(bytes.data()), n};
}

TEST_P(IoTest, FileIsWrittenAndRead) {
  char path[] = "/tmp/phios_io_XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  unlink(path);
  const auto check = [&] {
    EXPECT_EQ(write(fd, "hello world", 0).value(), 11u);
    EXPECT_EQ(write(fd, "W", 6).value(), 1u);
    std::array<std::byte, 64> buffer{};
    EXPECT_EQ(read(fd, buffer, 0).value(), 11u);
    EXPECT_EQ(text_of(buffer, 11), "hello World");
    EXPECT_EQ(read(fd, buffer, 6).value(), 5u);
    EXPECT_EQ(read(fd, buffer, 100).value(), 0u);
  };
  check();
  on_fiber(check);
  ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
  std::array<std::byte, 5> buffer{};
  EXPECT_EQ(read(fd, buffer, -1).value(), 5u);  // the file's own offset moves
  EXPECT_EQ(read(fd, buffer, -1).value(), 5u);
  EXPECT_EQ(text_of(buffer, 5), " Worl");
  close(fd);
}

TEST_P(IoTest, PipeCarriesText) {
  Waiter read_done;
  std::string got;
  must_spawn(*runtime_, "reader", [&] {
    std::array<std::byte, 64> buffer{};
    got = text_of(buffer, read(pipe_[0], buffer, -1).value());
    read_done.wake();
  });
  on_fiber([&] {
    this_fiber::sleep_until(*runtime_, in(5 * kMillisecond));
    EXPECT_EQ(write(pipe_[1], "through", -1).value(), 7u);
  });
  read_done.await();
  EXPECT_EQ(got, "through");
  close(std::exchange(pipe_[1], -1));
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(read(pipe_[0], buffer, -1).value(), 0u);
}

TEST_P(IoTest, DeadlineEndsAReadThatNobodyAnswers) {
  on_fiber([&] {
    std::array<std::byte, 8> buffer{};
    const Nanos deadline = in(10 * kMillisecond);
    const auto result = read(pipe_[0], buffer, -1, deadline);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::ETIMEDOUT_);
    EXPECT_GE(env_.now(), deadline);
  });
  // Nothing was taken from the pipe by the operation that ended.
  EXPECT_EQ(write(pipe_[1], "x", -1).value(), 1u);
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(read(pipe_[0], buffer, -1, in(kSecond)).value(), 1u);
}

TEST_P(IoTest, PollTellsReadiness) {
  EXPECT_EQ(poll(pipe_[1], POLLOUT).value() & POLLOUT, static_cast<size_t>(POLLOUT));
  EXPECT_EQ(poll(pipe_[0], POLLIN, in(5 * kMillisecond)).error().code, ErrorCode::ETIMEDOUT_);
  ASSERT_EQ(::write(pipe_[1], "x", 1), 1);
  EXPECT_EQ(poll(pipe_[0], POLLIN).value() & POLLIN, static_cast<size_t>(POLLIN));
}

TEST_P(IoTest, ErrorsNameTheFile) {
  std::array<std::byte, 8> buffer{};
  const auto result = read(9999, buffer, 0);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::EIO_);
  EXPECT_NE(result.error().message.find("fd 9999"), std::string::npos) << result.error().message;
  EXPECT_FALSE(poll(9999, POLLIN));
  close(std::exchange(pipe_[0], -1));
  EXPECT_FALSE(write(pipe_[1], "to nobody", -1));  // and no signal kills us
}

TEST_P(IoTest, ManyOperationsAtOnce) {
  constexpr size_t kFibers = 64, kBlock = 512, kRounds = 20;
  char path[] = "/tmp/phios_io_XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  unlink(path);
  std::atomic<size_t> left{kFibers}, good{0};
  Waiter done;
  for (size_t f = 0; f < kFibers; f++) {
    must_spawn(*runtime_, "block", [&, f] {
      for (size_t round = 0; round < kRounds; round++) {
        const std::string text(kBlock, static_cast<char>('a' + (f + round) % 26));
        const auto offset = static_cast<int64_t>(f * kBlock);
        std::vector<std::byte> buffer(kBlock);
        const auto wrote = write(fd, text, offset, in(60 * kSecond));
        const auto got = read(fd, buffer, offset, in(60 * kSecond));
        if (wrote && got && *got == kBlock && text_of(buffer, kBlock) == text) good.fetch_add(1);
      }
      if (left.fetch_sub(1) == 1) done.wake();
    });
  }
  done.await();
  EXPECT_EQ(good.load(), kFibers * kRounds);
  close(fd);
}

TEST_P(IoTest, MoreWaitingReadsThanTheRingHolds) {
  constexpr size_t kReads = 600;
  std::vector<std::array<int, 2>> pipes(kReads);
  std::vector<std::array<std::byte, 4>> buffers(kReads);
  std::atomic<size_t> ok{0}, left{kReads};
  Waiter done;
  for (size_t i = 0; i < kReads; i++) {
    ASSERT_EQ(pipe2(pipes[i].data(), O_CLOEXEC), 0);
    runtime_->async_read(pipes[i][0], buffers[i], -1, kNever, [&](Result<size_t> n) {
      if (n && *n == 1) ok.fetch_add(1);
      if (left.fetch_sub(1) == 1) done.wake();
    });
  }
  for (const auto& pipe : pipes) ASSERT_EQ(::write(pipe[1], "x", 1), 1);
  done.await();
  EXPECT_EQ(ok.load(), kReads);
  for (const auto& pipe : pipes) {
    close(pipe[0]);
    close(pipe[1]);
  }
}

TEST_P(IoTest, StopEndsWaitingOperations) {
  constexpr int kWaiting = 20;
  std::array<std::array<std::byte, 8>, kWaiting> buffers{};
  std::atomic<int> interrupted{0};
  for (int i = 0; i < kWaiting; i++) {
    must_spawn(*runtime_, "waits", [&, i] {
      const auto result = read(pipe_[0], buffers[i], -1);
      if (!result && result.error().code == ErrorCode::EINTR_) interrupted.fetch_add(1);
      const auto after = read(pipe_[0], buffers[i], -1);  // refused, or caught by the stop as well
      if (!after && after.error().code == ErrorCode::EINTR_) interrupted.fetch_add(1);
    });
  }
  this_fiber::sleep_until(*runtime_, in(5 * kMillisecond));
  runtime_->stop();
  EXPECT_EQ(interrupted.load(), 2 * kWaiting);
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(read(pipe_[0], buffer, -1).error().code, ErrorCode::EINTR_);
}

INSTANTIATE_TEST_SUITE_P(Backends, IoTest, ::testing::Bool(),
                         [](const auto& param_info) { return param_info.param ? "uring" : "poll"; });

}  // namespace
}  // namespace phios
