// bench agents: agents that share a long prompt and stop for a tool again and again, as users of the peers
// run them.
#pragma once

#include "kernel/boot/cmd/command.h"

namespace phios {

void add_bench_agents(Command bench, CommandContext& context);

}  // namespace phios
