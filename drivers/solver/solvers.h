// The solver driver: "rules" on a thread of its own under a budget, "smt2" in a child process that is killed
// at its deadline.
//
// Ownership: the caller owns the driver. Threads: any, at once. Lifetime: Env outlives it; destroying it
// cancels what runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drivers/api/solver.h"

namespace phios {

struct SolverDriverOptions {
  // The command of an smt2 child, to which "--memory=BYTES" is appended; by default this very program with
  // the hidden command solver-child, which calls solver_child_main(). A program that only links libphios
  // names the installed phios here.
  std::vector<std::string> child_command = {"/proc/self/exe", "solver-child"};
  unsigned threads_max = 4;
  size_t queue_max = 1024;
};

Result<std::unique_ptr<SolverDriver>> open_solvers(Env& env, SolverDriverOptions options = {});

}  // namespace phios
