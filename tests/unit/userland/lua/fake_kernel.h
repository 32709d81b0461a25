// FakeKernel: the functions of phios.h over maps, for tests of userland without a kernel. Programs are C++
// functions or entries, run to their end when they are started.
//
// Ownership: the test owns it; one at a time. Threads: one.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "syscalls/abi/phios.h"

struct phi_kernel {};

struct phi_proc {
  phi_pid pid = 0;
  std::map<std::string, std::string> cells;
  std::string exit_value, message, result;
};

namespace phios::test {

struct FakeEnd {
  phi_status status = PHI_OK;
  std::string value;
};

struct FakeSpawn {
  std::string program;
  std::vector<std::string> args, rights, limits, sampling;
  std::string stdin_from, stdout_to;
  int niceness = 0, new_group = 0, copy_cells = 0;
};

class FakeKernel {
 public:
  using Args = std::vector<std::optional<std::string>>;
  using Handler = std::function<FakeEnd(phi_proc&, const Args&)>;  // value: words ended by a NUL for "words"
  using Program = std::function<FakeEnd(const FakeSpawn&)>;

  FakeKernel();
  ~FakeKernel();
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  // Runs a Lua program of the text as a process with these arguments.
  FakeEnd run_lua(const std::string& text, const std::vector<std::string>& args = {});
  FakeEnd run_lua_file(const std::string& path, const std::vector<std::string>& args = {});

  std::map<std::string, std::string> shared;  // /shm/ and /mem/ cells
  std::vector<std::string> printed;
  std::vector<FakeSpawn> spawned;
  std::map<std::string, Program> programs;
  std::map<uint32_t, Handler> handlers;  // before the built-in ones
  std::map<phi_pid, FakeEnd> ended;
  phi_pid next_pid = 10;
  int checks_until_end = -1;  // phi_proc_check says EINTR after so many calls; -1: never
  uint64_t memory_limit = 0, instruction_limit = 0;
  phi_kernel kernel;
  phi_proc* running = nullptr;
};

FakeKernel& fake_kernel();

}  // namespace phios::test
