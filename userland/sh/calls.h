// System calls of the shell's own process as C++ values.
//
// Ownership: borrows the process. Threads: that of the shell. Errors: as phi_status, with the kernel's
// message.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "syscalls/abi/phios.h"

namespace phios::sh {

struct Answer {
  phi_status status = PHI_OK;
  std::string text;                // the value, or the error's message
  std::vector<std::string> words;  // of a result of several words

  explicit operator bool() const { return status == PHI_OK; }
};

using Args = std::vector<std::optional<std::string>>;

Answer call(phi_proc* proc, uint32_t number, const Args& args);

// How a child ended; nothing when it still runs after `ms`.
struct End {
  std::string value;  // or the error's message
  std::string error;  // "" or an error's name
};
std::optional<End> wait_for(phi_proc* proc, phi_pid pid, int ms);

// The exit code that stands for an end: 0, 1, 3 for what the model was not taught, 128 + n for a signal.
int exit_code(const End& end);
int exit_code(phi_status status);

}  // namespace phios::sh
