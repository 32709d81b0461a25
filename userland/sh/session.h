// Session: what one shell knows: its process, its jobs, the last status, and where in a script it stands.
//
// Ownership: borrows kernel and process. Threads: one. Lifetime: that of phi_shell_main.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "userland/sh/calls.h"

namespace phios::sh {

struct Job {
  int number = 0;  // as %1
  std::string text;
  std::vector<phi_pid> pids, alive;  // the stages of a pipeline, and those that were not waited for yet
  End last;                          // of the last stage
  bool stopped = false;
  bool shows_value = true;  // its exit value goes to the shell's own output
};

struct Session {
  phi_kernel* kernel = nullptr;
  phi_proc* proc = nullptr;
  bool interactive = false, colour = false;
  int status = 0;  // $?
  bool exiting = false;
  std::string file;  // of the script, for messages; "" when a person types
  int line = 1;
  std::vector<Job> jobs;  // in the background or stopped
  int pipes_made = 0;
};

enum class Colour { kNone, kRed, kGreen, kYellow, kDim, kBold };
std::string paint(const Session& session, Colour colour, std::string_view text);

void say(std::string_view text);  // standard output, as it is
int complain(const Session& session, const std::string& message,
             int code = 1);  // a line of standard error; code

}  // namespace phios::sh
