// SlotId: an index and a generation in 64 bits, so that an id of something gone never names what took its
// place.
//
// A pid is such an id, printed as index + generation * 2^16: small numbers while slots are fresh, never the
// same number twice.
#pragma once

#include <compare>
#include <cstdint>

#include "syscalls/abi/limits.h"

namespace phios {

struct Pid {
  uint64_t value = 0;  // 0 is no process

  static constexpr uint64_t kIndexBits = 16;
  static constexpr Pid make(uint32_t index, uint64_t generation) {
    return {(generation << kIndexBits) | index};
  }
  constexpr uint32_t index() const { return static_cast<uint32_t>(value & ((1u << kIndexBits) - 1)); }
  constexpr uint64_t generation() const { return value >> kIndexBits; }
  constexpr explicit operator bool() const { return value != 0; }
  auto operator<=>(const Pid&) const = default;
};
static_assert(PHI_PROCESSES_MAX < (1u << Pid::kIndexBits));

}  // namespace phios
