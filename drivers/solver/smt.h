// "smt2": an SMT-LIB 2 program, solved by Z3 in a child process.
//
// Threads: any; the caller waits. Errors: as drivers/api/solver.h has them.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "drivers/api/solver.h"

namespace phios::smt {

Result<Solution> solve(Env& env, const std::vector<std::string>& child_command, const SolveRequest& request,
                       std::stop_token stop);

}  // namespace phios::smt
