// A disk for tests: carries transfers out at once, on the caller's thread, and a chosen read badly.
#pragma once

#include <unistd.h>

#include "mm/swap.h"

namespace phios {

class DirectIo final : public SwapIo {
 public:
  void read(int fd, std::span<std::byte> buffer, int64_t offset, Done done) override {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), offset);
    if (++reads == bad_read) buffer[buffer.size() / 2] ^= std::byte{1};
    done(static_cast<size_t>(got));
  }
  void write(int fd, std::span<const std::byte> buffer, int64_t offset, Done done) override {
    if (++writes == bad_write) return done(fail(ErrorCode::EIO_, "injected"));
    done(static_cast<size_t>(::pwrite(fd, buffer.data(), buffer.size(), offset)));
  }
  int reads = 0, bad_read = 0;  // the how manieth is bad, 0: none
  int writes = 0, bad_write = 0;
};

}  // namespace phios
