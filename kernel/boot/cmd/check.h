// check: a program looked over without running it.
//
// Threads: any. Errors: what cannot be read at all; everything else is a finding.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

struct Finding {
  size_t line = 0;
  bool is_error = false;  // else a note: it may run, but the embedded model was not taught it
  std::string message;
};

// Lua: syntax, and phi.<noun>.<verb> that no call has. Prompt programs: form, labels and rights, and
// sentences of no known form.
Result<std::vector<Finding>> check_program(const std::string& path);

}  // namespace phios
