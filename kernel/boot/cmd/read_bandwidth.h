// ReadBandwidth: how fast threads read memory together, the floor of what is bound by memory.
//
// Ownership: owns its threads and the memory that they read. Threads: one caller at a time. Units: 10^9 bytes
// a second. Neighbours on the same machine take from it, twice as much in one second as in the next: measure
// it right before and after what it is held against.
#pragma once

#include <cstdint>
#include <vector>

#include "drivers/model/native/worker_pool.h"
#include "kernel/base/env.h"

namespace phios {

class ReadBandwidth {
 public:
  explicit ReadBandwidth(uint32_t threads);
  double measure();  // the median of a few reads

 private:
  SystemEnv env_;
  WorkerPool pool_;
  std::vector<uint64_t> memory_, sums_;
};

}  // namespace phios
