// YAML → JSON, bounded: what an alias can multiply and what nesting can stack up are both counted.
//
// Threads: pure functions. Errors: EPARSE_ "line L, column C: …", ETOOBIG_.
#pragma once

#include <string>

#include "drivers/tool/schema.h"

namespace phios::tool {

inline constexpr size_t kYamlNodesMax = 10'000;

Result<Json> parse_yaml(const std::string& text);

}  // namespace phios::tool
