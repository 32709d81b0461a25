#include "kernel/base/env.h"

#include <chrono>
#include <random>

namespace phios {

SystemEnv::SystemEnv(uint64_t seed) : seed_(seed) {
  if (seed_ == 0) {
    std::random_device device;
    seed_ = (uint64_t{device()} << 32) | device();
  }
}

Nanos SystemEnv::now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t SystemEnv::unix_millis() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace phios
