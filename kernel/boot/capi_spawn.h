// The parts of the C ABI that take more than a line: spawn options, loaders, and the table for bindings.
//
// Threads: any. Errors: EINVAL_ names the option, and what starting a process gives.
#pragma once

#include <string>
#include <vector>

#include "kernel/proc/kernel.h"
#include "syscalls/abi/phios.h"

namespace phios {

Result<ProcessRef> start_process(const ProcessRef& parent, const phi_spawn_options& options);

// A loader of userland as the registry takes it.
Loader make_loader(const phi_loader& loader);

// The call table with NUL-terminated strings.
struct CallInfoTable {
  CallInfoTable();
  std::vector<phi_call_info> rows;

 private:
  std::vector<std::vector<phi_arg_info>> args_;
  std::vector<std::string> texts_;
};

}  // namespace phios
