// Deterministic automata over bytes: made from a regular expression, minimised, intersected, compared.
//
// Ownership: plain values. Threads: pure functions. Errors: ETOOBIG_ past a bound.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "syscalls/codec/regex.h"

namespace phios {

// Bytes that no state tells apart share a class; a row of `next` has one entry for each class.
struct Automaton {
  static constexpr uint32_t kDead = UINT32_MAX;
  static constexpr uint32_t kMaxStates = 65536;
  static constexpr uint32_t kMaxNfaStates = 1u << 18;

  std::array<uint8_t, 256> class_of{};
  uint32_t classes = 0;
  std::vector<uint32_t> next;  // state × class
  std::vector<uint8_t> accepting;
  uint32_t start = kDead;  // kDead: accepts nothing

  uint32_t size() const { return static_cast<uint32_t>(accepting.size()); }
  uint32_t step(uint32_t state, uint8_t byte) const {
    return state == kDead ? kDead : next[size_t{state} * classes + class_of[byte]];
  }
  uint32_t walk(uint32_t state, std::string_view bytes) const;
};

// The minimal automaton: every state is reached from the start and reaches an accepting one.
Result<Automaton> compile_regex(const RegexPool& pool, RegexId root);
Result<Automaton> intersect(const Automaton& a, const Automaton& b);
Automaton minimise(const Automaton& automaton);
// A shortest text that `a` accepts and `b` does not.
std::optional<std::string> shortest_difference(const Automaton& a, const Automaton& b);
std::optional<std::string> shortest_text(const Automaton& a);

}  // namespace phios
