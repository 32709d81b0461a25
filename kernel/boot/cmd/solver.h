// phios solver: programs in a solver's language, one from a file or many from JSON lines.
//
// Threads: one. Exit codes: as command.h has them; a verdict is no failure, whichever it is.
#pragma once

#include <cstdint>
#include <string>

namespace phios {

struct SolverOptions {
  std::string language = "rules";
  std::string unknown = "C";  // the option's letter for a program that is undecided; true is A, false is B
  std::string data;           // JSON lines: id, program, and gold where the answer is known
  std::string out;            // JSON lines: id, answer, status, message, ms
  std::string file;           // one program, instead of data
  int64_t deadline_ms = 10'000;
  uint64_t memory_bytes = uint64_t{512} << 20;
  bool json = false;
};

int run_solver_command(const SolverOptions& options);

}  // namespace phios
