// bench engine: tokens a second of the model by itself, with frames of its own and no kernel around it.
#pragma once

#include "kernel/boot/cmd/command.h"

namespace phios {

void add_bench_engine(Command bench, CommandContext& context);

}  // namespace phios
