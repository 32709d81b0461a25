// Slots: bytes of an automaton in whose place any word of a set may stand. The automaton is compiled once,
// and the words of each section are put in at a cost that goes by their length.
//
// Threads: pure functions. Units: bytes. Errors: ETOOBIG_ past the automaton's bound.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernel/base/result.h"
#include "syscalls/codec/automaton.h"

namespace phios {

inline constexpr size_t kSlotsMax = 31;  // the bytes 0x01 … 0x1f, which no frame holds

constexpr uint8_t slot_byte(size_t slot) { return static_cast<uint8_t>(slot + 1); }

struct SlotWord {
  std::string text;
  bool once = false;  // it does not fill two slots in a row
};

// The automaton that has a word of words[i], which are not empty, wherever `skeleton` has slot_byte(i).
Result<Automaton> fill_slots(const Automaton& skeleton, std::span<const std::vector<SlotWord>> words);

}  // namespace phios
