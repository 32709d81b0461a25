// Policy: who goes into the next pass. Pure: a state in, a choice out, no clock, no I/O.
//
// Decodes come before prefill chunks, so that a long prompt never holds up running processes for more than a
// chunk; within each kind by niceness, then by who waited longest. A pass is filled up to its token budget;
// prefill gets at most `prefill_chunk` positions of it. Guesses (speculative decoding) fill small passes
// alone: these take the time of reading the weights, whatever the number of their positions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace phios {

struct Candidate {
  uint32_t waiting = 1;  // positions
  uint32_t least = 1;    // fewer are of no use to it: it is passed over
  int niceness = 0;      // -20 … 19
  int64_t last_run = 0;  // any order-preserving stamp; smaller waited longer
  uint32_t guesses = 0;  // positions that it would like to guess besides
};

struct Slot {
  uint32_t candidate = 0;
  uint32_t positions = 0;
};

struct PassLimits {
  uint32_t positions = 512;
  uint32_t prefill_chunk = 256;
  uint32_t guessed = 16;  // of a pass that has guesses
};

// Appends the chosen slots to `chosen` (cleared first). `order` is scratch space, kept by the caller so that
// nothing is allocated once warm.
void choose_pass(std::span<const Candidate> candidates, const PassLimits& limits,
                 std::vector<uint32_t>& order, std::vector<Slot>& chosen);

}  // namespace phios
