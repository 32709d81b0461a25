// Env: the one door through which everything enters that is not deterministic: clock and randomness here, I/O
// and the model behind drivers/api.
//
// Ownership: the composition root (kernel/boot) owns it and outlives every user. Threads: any, at once.
// Units: nanoseconds. Order: now() never goes back. A test or a replay passes an Env of its own.
#pragma once

#include <cstdint>

namespace phios {

using Nanos = int64_t;
inline constexpr Nanos kNever = INT64_MAX;  // a deadline that never passes
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

class Env {
 public:
  virtual ~Env() = default;
  virtual Nanos now() noexcept = 0;            // monotonic clock
  virtual int64_t unix_millis() noexcept = 0;  // for names and dates that people read
  virtual uint64_t seed() noexcept = 0;        // the root of every seed of this run
};

// The real machine's clock; `seed` 0 takes one from the system.
class SystemEnv final : public Env {
 public:
  explicit SystemEnv(uint64_t seed = 0);
  Nanos now() noexcept override;
  int64_t unix_millis() noexcept override;
  uint64_t seed() noexcept override { return seed_; }

 private:
  uint64_t seed_;
};

// SplitMix64: derives a child's seed from its parent's and a number, so that seeds follow a process's path in
// the tree and not its pid. Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
constexpr uint64_t derive_seed(uint64_t parent, uint64_t index) {
  uint64_t z = parent + (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace phios
