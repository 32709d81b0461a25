// Job: a program started for a person at a terminal, waited for, interrupted by Ctrl-C.
//
// Ownership: owns an attached process of the System, which outlives it. Threads: one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel/boot/system.h"
#include "syscalls/abi/phios.h"

namespace phios {

struct JobResult {
  std::string value;  // exit value, or the error's message
  std::string error;  // "" or an error's name
};

class Job {
 public:
  static Result<std::unique_ptr<Job>> attach(System& system, const char* name);
  ~Job();

  Result<phi_pid> start(const std::string& program, const std::vector<std::string>& args,
                        const std::vector<std::string>& limits = {}, const char* stdout_to = nullptr);
  // Waits; calls `tick` about every `tick_ms` meanwhile. An interrupt of the terminal is passed on to the
  // program.
  Result<JobResult> wait(phi_pid pid, const std::function<void()>& tick = {}, int64_t tick_ms = 50);
  phi_proc* proc() { return proc_; }

 private:
  explicit Job(phi_proc* proc) : proc_(proc) {}
  phi_proc* proc_;  // given back by phi_proc_detach
};

}  // namespace phios
