// Solvers: a program in a solver language in, a verdict and what was found out.
//
// Ownership: kernel/boot owns the driver. Threads: any, at once. Every solver that may run away lives in a
// child process that is killed at the deadline or past its memory. Errors: EPARSE_ (names line and column of
// the program), ENOENT_ (no such language), ETIMEDOUT_, ELIMIT_ (memory), EIO_, ETOOBIG_.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/api/op.h"

namespace phios {

enum class Verdict { kTrue, kFalse, kUnknown };
constexpr std::string_view verdict_name(Verdict v) {
  return v == Verdict::kTrue ? "true" : v == Verdict::kFalse ? "false" : "unknown";
}

struct SolveRequest {
  std::string language;  // "rules", "smt2"
  std::string program;
  Nanos deadline = kNever;
  size_t memory_bytes = size_t{512} << 20;
};

struct Solution {
  Verdict verdict = Verdict::kUnknown;  // smt2: sat is true, unsat is false
  std::string detail;                   // a model, the derivation, or why it is unknown; may be empty
};

class SolverDriver {
 public:
  virtual ~SolverDriver() = default;
  virtual OpRef submit(SolveRequest request, Completion<Solution> done) = 0;
  virtual std::vector<std::string> languages() const = 0;
};

}  // namespace phios
