// What every command of `phios` shares: the options that stand before it, and a kernel with userland in it.
//
// Ownership: main owns the context. Threads: one. Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 3
// the model was not taught what was asked.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/boot/cmd/command_line.h"
#include "kernel/boot/config.h"

namespace phios {

inline constexpr int kExitFailed = 1, kExitUsage = 2, kExitNotTaught = 3;

struct CommandContext {
  Config config;
  bool json = false;
  int status = 0;  // what main returns
};

// Prints "phios: message" to standard error; the exit code that goes with the error.
int report(const Error& error);
// What a command's callback does: runs it, and sets context.status to its exit code or its error's.
std::function<void()> command_callback(CommandContext& context, std::function<Result<int>()> run);

// The whole of a file, or of standard input for "-". ENOENT_, ETOOBIG_ past 64 MiB.
Result<std::string> read_text(const std::string& path);

// "windows 3 of 20" on standard error where that is a terminal, a few times a second; gone when it is
// destroyed.
class ProgressLine {
 public:
  ProgressLine(std::string what, size_t all);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(size_t done);

 private:
  std::string what_;
  size_t all_;
  bool terminal_;
  std::chrono::steady_clock::time_point shown_{};
};

// Each adds one command to the app; its callback sets context.status.
void add_run_commands(Command app, CommandContext& context);      // run, ask
void add_tour_command(Command app, CommandContext& context);      // tour
void add_shell_command(Command app, CommandContext& context);     // sh
void add_program_commands(Command app, CommandContext& context);  // new, check
void add_model_commands(Command app, CommandContext& context);    // model info, tokenize, generate
void add_perplexity_command(Command app, CommandContext& context);
void add_data_commands(Command app, CommandContext& context);  // index, solver
void add_eval_command(Command app, CommandContext& context);   // eval
void add_bench_command(Command app, CommandContext& context);  // bench

}  // namespace phios
