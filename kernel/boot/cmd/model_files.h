// model random, induction, quantize, convert, prune, calibrate, shuffle: model files made anew.
#pragma once

#include <cstddef>
#include <span>

#include "kernel/boot/cmd/command.h"

namespace phios {

Status write_model_file(const std::string& path, std::span<const std::byte> bytes);

void add_model_file_commands(Command model, CommandContext& context);
void add_prune_command(Command model, CommandContext& context);
void add_calibrate_command(Command model, CommandContext& context);

}  // namespace phios
