// Forward chaining over ground facts: everything that follows from a program of rules, and the verdict on its
// query.
//
// Threads: pure but for the clock. Units: facts, joins, nanoseconds on Env's clock. Errors: EPARSE_ (line and
// column), ETOOBIG_, ELIMIT_ (which budget), ETIMEDOUT_, EINTR_.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string_view>

#include "drivers/api/solver.h"
#include "kernel/base/env.h"

namespace phios::rules {

struct Budget {
  size_t facts = 200'000;
  size_t joins = 20'000'000;  // candidates looked at
  Nanos deadline = kNever;
};

// True when the query follows, false when the same atom with the other value does, unknown when neither does.
// When both follow, the program contradicts itself, which is unknown too. The detail is the derivation, a
// fact a line, or why there is none.
Result<Solution> solve(Env& env, std::string_view program, const Budget& budget, const std::stop_token& stop);

}  // namespace phios::rules
