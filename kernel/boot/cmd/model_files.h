// model random, model quantize: model files made anew.
#pragma once

#include "kernel/boot/cmd/command.h"

namespace phios {

void add_model_file_commands(CLI::App& model, CommandContext& context);

}  // namespace phios
