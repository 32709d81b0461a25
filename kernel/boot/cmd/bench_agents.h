// bench agents: agents that share a long prompt and stop for a tool again and again, as users of the peers
// run them.
#pragma once

#include <CLI/App.hpp>

#include "kernel/boot/cmd/command.h"

namespace phios {

void add_bench_agents(CLI::App& bench, CommandContext& context);

}  // namespace phios
