// What the opaque handles of the C ABI hold.
//
// Ownership: a phi_kernel lies inside its System; a phi_proc belongs to the fiber it runs on, or to whoever
// attached it. Threads: a phi_proc is used by one thread or fiber at a time.
#pragma once

#include <memory>
#include <string>

#include "kernel/proc/process.h"
#include "syscalls/abi/phios.h"

namespace phios {
class System;
}

struct phi_kernel {
  phios::System* system = nullptr;
  std::unique_ptr<phios::System> owned;  // set when phi_kernel_open made it
};

struct phi_proc {
  phios::ProcessRef process;
  std::string result;  // of the last call; words each ended by a NUL
  std::string error;   // of the last call that failed
};

struct phi_prompt {
  phios::PromptImage* image = nullptr;
};
