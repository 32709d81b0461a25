// The language "rules": Facts, Rules, Query (docs/formats/rules.md), as text → clauses over numbered symbols.
//
// Ownership: a Program owns its names. Threads: pure functions. Errors: EPARSE_ "line L, column C: …",
// ETOOBIG_ past a bound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios::rules {

inline constexpr size_t kArgumentsMax = 16;  // of one atom
inline constexpr size_t kAtomsMax = 64;      // of one clause
inline constexpr size_t kNameMax = 255;      // bytes
inline constexpr size_t kNestingMax = 16;    // of Not( and parentheses

using Symbol = uint32_t;

struct Term {
  uint32_t id = 0;        // a Symbol, or the number of a variable within its clause
  bool variable = false;  // written $name
  bool operator==(const Term&) const = default;
};

// predicate(args…, value): an atom says that its value is True or False; nothing said is neither.
struct Atom {
  Symbol predicate = 0;
  bool value = true;
  std::vector<Term> args;
};

// body && … >>> head && …; a fact has no body.
struct Clause {
  uint32_t line = 0;
  uint32_t variables = 0;
  std::vector<Atom> body;
  std::vector<Atom> head;
};

struct Program {
  std::vector<std::string> symbols;
  std::vector<Clause> clauses;
  Atom query;
};

Result<Program> parse(std::string_view text);

// "Eats(Cat, Squirrel, True)", an atom without variables.
std::string print(const Program& program, const Atom& atom);

}  // namespace phios::rules
