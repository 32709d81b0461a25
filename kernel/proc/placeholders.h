// {{cell}}, {{@cell}} and {{cell|default}} in the text of a prompt program become the text of cells.
//
// Threads: pure but for what `cell` does. Errors: those of `cell`; ENOENT_ becomes the default, or nothing.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kernel/base/result.h"

namespace phios {

// `cell` reads a cell by its name as it is written, `@name` included. The prompt loader has checked the form.
Result<std::string> fill_placeholders(std::string_view text,
                                      const std::function<Result<std::string>(std::string_view name)>& cell);

}  // namespace phios
