#include "kernel/boot/cmd/eval.h"

#include <fmt/core.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace phios {

TemporaryHome::TemporaryHome()
    : path_((std::filesystem::temp_directory_path() / "phios-eval-XXXXXX").string()) {
  made_ = mkdtemp(path_.data()) != nullptr;
}

TemporaryHome::~TemporaryHome() {
  std::error_code ignored;
  if (made_) std::filesystem::remove_all(path_, ignored);
}

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
  std::vector<size_t> running;
  size_t next = 0, done = 0;
  ProgressLine progress(batch.what, batch.count);
  while (done < batch.count) {
    while (running.size() < batch.window && next < batch.count) {
      batch.start(next);
      running.push_back(next++);
    }
    const size_t before = running.size();
    std::erase_if(running, [&](size_t i) { return batch.finished(i); });
    done += before - running.size();
    if (running.size() == before) std::this_thread::sleep_for(kPoll);
    progress.show(done);
  }
}

void add_eval_command(Command app, CommandContext& context) {
  Command eval = app.command("eval", "measure what a model does under the kernel");
  eval.need_command();
  add_eval_isa(eval, context);
  add_eval_utm(eval, context);
  add_eval_logic(eval, context);
  add_eval_questions(eval, context);
  add_eval_frames(eval, context);
  add_eval_abilities(eval, context);
}

}  // namespace phios
