// phi_prompt_base, _section and _option as a record of what they were told, in place of the kernel's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "syscalls/abi/phios.h"

struct phi_prompt {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  std::string base;
  Pairs sections, options;
  std::string refused;  // an option key that is answered by PHI_EINVAL_
};

namespace phios::prompt {

struct Loaded {
  phi_status status = PHI_OK;
  phi_prompt prompt;
  std::string message;
};

Loaded load_text(std::string_view text, std::string refused = "", size_t message_cap = 1024);

}  // namespace phios::prompt
