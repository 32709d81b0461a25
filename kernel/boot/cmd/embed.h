// embed: texts as vectors, by an encoder's file.
//
// Ownership, threads: as command.h.
#pragma once

#include "kernel/boot/cmd/command.h"

namespace phios {

void add_embed_command(Command app, CommandContext& context);

}  // namespace phios
