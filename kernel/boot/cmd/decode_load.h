// A load of contexts that decode without end, for measuring: each is cut back to its prompt when it has made
// its tokens, and goes on.
//
// Threads: the caller's, which waits. Units: seconds, nanoseconds, tokens.
#pragma once

#include "kernel/boot/system.h"

namespace phios {

struct LoadFigures {
  double tokens_per_s = 0;
  double occupancy = 0;            // sequences a pass
  double kernel_ns_per_token = 0;  // prepare, mask, sample, automaton, accounting
  double model_ns_per_token = 0;
};

Result<LoadFigures> run_decode_load(System& system, uint32_t sequences, double seconds);

}  // namespace phios
