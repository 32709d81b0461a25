#include "kernel/boot/cmd/eval.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

namespace phios {

Result<std::vector<std::string>> read_lines(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(ErrorCode::ENOENT_, fmt::format("{}: cannot be read", path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.push_back(line);
  }
  return lines;
}

void run_batch(const Batch& batch) {
  constexpr auto kPoll = std::chrono::microseconds(200);
  constexpr auto kProgress = std::chrono::milliseconds(200);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::vector<size_t> running;
  size_t next = 0, done = 0;
  auto shown = std::chrono::steady_clock::now();
  while (done < batch.count) {
    while (running.size() < batch.window && next < batch.count) {
      batch.start(next);
      running.push_back(next++);
    }
    const size_t before = running.size();
    std::erase_if(running, [&](size_t i) { return batch.finished(i); });
    done += before - running.size();
    if (running.size() == before) std::this_thread::sleep_for(kPoll);
    if (terminal && std::chrono::steady_clock::now() - shown > kProgress) {
      shown = std::chrono::steady_clock::now();
      fmt::print(stderr, "\r{} {} of {}", batch.what, done, batch.count);
    }
  }
  if (terminal) fmt::print(stderr, "\r\x1b[K");
}

std::function<void()> eval_callback(CommandContext& context, std::function<Result<int>()> run) {
  return [&context, run = std::move(run)] {
    const Result<int> status = run();
    context.status = status ? *status : report(status.error());
  };
}

void add_eval_command(CLI::App& app, CommandContext& context) {
  CLI::App* eval = app.add_subcommand("eval", "measure what a model does under the kernel");
  eval->require_subcommand(1);
  add_eval_isa(*eval, context);
  add_eval_utm(*eval, context);
  add_eval_logic(*eval, context);
  add_eval_questions(*eval, context);
  add_eval_frames(*eval, context);
}

}  // namespace phios
