// What TokenCounts looks like in JSON: one set of keys for `--stats json` and the kernel's statistics
// (docs/formats/stats.md).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "kernel/proc/context.h"

namespace phios {

void to_json(nlohmann::json& out, const TokenCounts& counts);

}  // namespace phios
