// The pipes of a child process: feeds its standard input, gathers the other two, without ever blocking.
//
// Ownership: owns its file descriptors. Threads: one at a time.
#pragma once

#include <poll.h>

#include <array>
#include <string>
#include <string_view>

#include "kernel/base/result.h"

namespace phios {

// A file descriptor that closes itself; -1 is none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

class ChildPipes {
 public:
  // What the child gets as its descriptors 0, 1 and 2.
  struct Ends {
    std::array<Fd, 3> fds;
  };
  ChildPipes(std::string_view input, size_t output_max, size_t errors_max)
      : input_(input), output_max_(output_max), errors_max_(errors_max) {}

  Result<Ends> open();
  // Fills three entries of a poll set (fd -1 where a stream is done) and acts on what poll found.
  void prepare(std::array<pollfd, 3>& set) const;
  void transfer(const std::array<pollfd, 3>& set);
  // Reads what is there without waiting: after the child's end.
  void drain();

  bool over_bound() const { return over_bound_; }
  std::string take_output() { return std::move(output_); }
  std::string take_errors();

 private:
  void write_input();
  void read_output();
  void read_errors();

  std::string_view input_;  // the caller's
  size_t output_max_;
  size_t errors_max_;
  std::array<Fd, 3> ours_;
  std::string output_;
  std::string errors_;
  bool over_bound_ = false;
};

}  // namespace phios
