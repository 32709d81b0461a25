// Stage: one command of a pipeline made ready: its words with their cells filled in, and the process that
// runs it.
//
// Ownership: plain values. Threads: that of the shell; native stages run on fibers of the kernel.
// Errors: a message; the code says which exit code goes with it.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "userland/sh/parser.h"
#include "userland/sh/session.h"

namespace phios::sh {

struct Failure {
  std::string message;
  int code = 1;
};

struct Stage {
  enum class Kind { kProgram, kText, kCat, kSleep };
  Kind kind = Kind::kProgram;
  std::vector<std::string> words;  // program or command, and its arguments
  std::string text;                // kText: what it prints
  int niceness = 0;
  std::string input, output;  // as phi_spawn_options has them; "" inherits
};

// The words and streams of a command. kind stays kProgram: what the first word means is the caller's
// business.
std::expected<Stage, Failure> make_stage(Session& session, const Command& command);

// Starts it; a program whose output goes elsewhere is run by a process that prints its exit value there too.
std::expected<phi_pid, Failure> start_stage(Session& session, const Stage& stage);

}  // namespace phios::sh
