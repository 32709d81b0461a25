// What every command of `phios` shares: the options that stand before it, and a kernel with userland in it.
//
// Ownership: main owns the context. Threads: one. Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 3
// the model was not taught what was asked.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "kernel/boot/config.h"
#include "kernel/boot/system.h"

namespace phios {

inline constexpr int kExitFailed = 1, kExitUsage = 2, kExitNotTaught = 3;

struct CommandContext {
  Config config;
  bool json = false;
  int status = 0;  // what main returns
};

// Prints "phios: message" to standard error; the exit code that goes with the error.
int report(const Error& error);

// Each adds one command to the app; its callback sets context.status.
void add_run_commands(CLI::App& app, CommandContext& context);      // run, ask
void add_tour_command(CLI::App& app, CommandContext& context);      // tour
void add_shell_command(CLI::App& app, CommandContext& context);     // sh
void add_program_commands(CLI::App& app, CommandContext& context);  // new, check
void add_model_commands(CLI::App& app, CommandContext& context);    // model info, tokenize, generate
void add_data_commands(CLI::App& app, CommandContext& context);     // index, solver
void add_eval_command(CLI::App& app, CommandContext& context);      // eval
void add_bench_command(CLI::App& app, CommandContext& context);     // bench

}  // namespace phios
