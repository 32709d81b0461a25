// A child process: a command with its standard streams on pipes, a bound on its output and a deadline.
//
// Ownership: run_child() owns the child and everything in its process group until it returns; nothing of it
// is left then. Threads: any, at once; the caller waits. Units: bytes, nanoseconds on Env's monotonic clock.
// Errors: ENOENT_ (no such command), EPERM_ (may not be run), ETIMEDOUT_ (killed at the deadline), ETOOBIG_
// (killed past its output bound), EINTR_ (stop was requested), EIO_. An exit code other than 0 is no error
// here.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "kernel/base/env.h"
#include "kernel/base/result.h"

namespace phios {

struct ChildSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH if it has no slash; no shell is involved
  std::vector<std::string> env;   // KEY=value; nothing is inherited
  std::string directory;          // where it starts; empty: where we are
  std::string input;              // its standard input
  size_t output_max = 65536;
  size_t errors_max = 4096;  // the end of its standard error that is kept
  Nanos deadline = kNever;
};

struct ChildResult {
  int exit_code = 0;  // 128 + signal if a signal ended it
  std::string output;
  std::string errors;
};

Result<ChildResult> run_child(Env& env, const ChildSpec& spec, std::stop_token stop);

}  // namespace phios
