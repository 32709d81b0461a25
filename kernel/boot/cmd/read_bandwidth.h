// ReadBandwidth: how fast threads read memory together, the floor of what is bound by memory.
//
// Ownership: owns its threads and the memory that they read. Threads: one caller at a time. Units: 10^9 bytes
// a second. Errors: ELIMIT_ without the memory. Neighbours on the same machine take from it, twice as much in
// one second as in the next: measure it right before and after what it is held against.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "drivers/model/native/weights.h"
#include "drivers/model/native/worker_pool.h"
#include "kernel/base/env.h"

namespace phios {

class ReadBandwidth {
 public:
  static Result<std::unique_ptr<ReadBandwidth>> create(uint32_t threads);
  // The better of reading as a program that leaves fetching to the processor does, and of fetching ahead as
  // the products do: which one it is depends on the processor. Medians of a few reads each, in turn.
  double measure();

 private:
  ReadBandwidth(Arena memory, uint32_t threads);
  template <class Sum>
  double read(Sum sum);

  SystemEnv env_;
  WorkerPool pool_;
  Arena memory_;  // huge pages where there are any, as weights have them
  std::span<const uint64_t> words_;
  std::vector<uint64_t> sums_;
};

}  // namespace phios
