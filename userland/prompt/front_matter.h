// The YAML front matter of a prompt program as the options of phi_prompt_option.
//
// Threads: pure functions. Errors: the line in the file, of which the YAML begins on line 2.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "userland/prompt/document.h"

namespace phios::prompt {

struct Option {
  std::string key, value;  // of phi_prompt_option
  int line = 0;
  std::string written;  // as the front matter has it, for messages: "sampling: temperature"
};

std::expected<std::vector<Option>, SourceError> read_front_matter(const std::string& yaml);

}  // namespace phios::prompt
