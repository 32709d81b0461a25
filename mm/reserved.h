// Reserved: an array of zero bytes in address space of its own, which takes memory only where it is touched.
//
// Ownership: owns the mapping. Threads: plain memory. Errors: ELIMIT_ when there is no such address space.
#pragma once

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "kernel/base/result.h"

namespace phios {

template <class T>
class Reserved {
 public:
  static Result<Reserved> create(size_t n) {
    if (n == 0) return Reserved(nullptr, 0);
    if (n > SIZE_MAX / 2 / sizeof(T))
      return fail(ErrorCode::ETOOBIG_, fmt::format("memory: {} times {} bytes", n, sizeof(T)));
    void* memory = ::mmap(nullptr, n * sizeof(T), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      return fail(ErrorCode::ELIMIT_, fmt::format("memory: no {} MiB to map ({}); ask for less",
                                                  (n * sizeof(T)) >> 20, std::strerror(errno)));
    }
    return Reserved(static_cast<T*>(memory), n);
  }
  Reserved(Reserved&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), n_(std::exchange(other.n_, 0)) {}
  Reserved& operator=(Reserved other) noexcept {
    std::swap(data_, other.data_);
    std::swap(n_, other.n_);
    return *this;
  }
  ~Reserved() {
    if (data_ != nullptr) ::munmap(data_, n_ * sizeof(T));
  }
  T* data() const { return data_; }
  size_t size() const { return n_; }
  T& operator[](size_t i) const { return data_[i]; }

 private:
  Reserved(T* data, size_t n) : data_(data), n_(n) {}
  T* data_;
  size_t n_;
};

}  // namespace phios
