#include "userland/sh/stage.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <memory>

namespace phios::sh {
namespace {

constexpr double kMillisPerSecond = 1000;

std::expected<std::string, Failure> expand(Session& session, const Word& word) {
  std::string out;
  for (const WordPart& part : word.parts) {
    if (!part.is_cell) {
      out += part.text;
    } else if (part.text == "?") {
      out += std::to_string(session.status);
    } else {
      Answer value = call(session.proc, PHI_SYS_mem_read, {part.text});
      if (!value && value.status != PHI_ENOENT_) return std::unexpected(Failure{value.text});
      if (value) out += value.text;
    }
  }
  return out;
}

bool names_a_stream(std::string_view target) {
  for (std::string_view kind : {"cell:", "chan:", "file:", "fd:"})
    if (target.starts_with(kind)) return true;
  return target == "null";
}

std::expected<void, Failure> add_redirect(Session& session, const Redirect& redirect, Stage& stage) {
  auto target = expand(session, redirect.target);
  if (!target) return std::unexpected(target.error());
  std::string spec = target->starts_with('@') ? "cell:" + target->substr(1) : *target;
  bool stream = names_a_stream(spec);
  if (redirect.kind == Redirect::Kind::kAppend && stream)
    return std::unexpected(Failure{"only files can be appended to, not " + *target, 2});
  if (!stream) spec = (redirect.kind == Redirect::Kind::kAppend ? "append:" : "file:") + spec;
  if (redirect.kind == Redirect::Kind::kIn) {
    stage.input = spec;
    return {};
  }
  if (spec.starts_with("cell:")) call(session.proc, PHI_SYS_mem_delete, {spec.substr(5)});  // ">" begins anew
  stage.output = spec;
  return {};
}

// ---- native stages, on fibers of the kernel
// -------------------------------------------------------------------

int fail_with(phi_proc* self, const Answer& answer) {
  phi_proc_set_exit(self, answer.text.c_str());
  return answer.status;
}

phi_status status_of(const std::string& error) {
  for (phi_status status = PHI_EINVAL_; status <= PHI_EUNKNOWN_; ++status)
    if (error == phi_error_name(status)) return status;
  return PHI_EINVAL_;
}

int print_lines(phi_proc* self, std::string_view text) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    Answer done = call(self, PHI_SYS_io_print, {std::string(text.substr(0, end))});
    if (!done) return fail_with(self, done);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return PHI_OK;
}

int copy_lines(phi_proc* self) {
  while (true) {
    Answer line = call(self, PHI_SYS_io_input, {std::nullopt});
    if (line.status == PHI_ENOENT_) return PHI_OK;  // the end of the input
    if (!line) return fail_with(self, line);
    Answer done = call(self, PHI_SYS_io_print, {line.text});
    if (!done) return fail_with(self, done);
  }
}

int sleep_for(phi_proc* self, const std::string& seconds) {
  double value = 0;
  auto [rest, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
  if (error != std::errc() || rest != seconds.data() + seconds.size() ||
      !(value >= 0 && value * kMillisPerSecond <= PHI_SLEEP_MAX_MS)) {
    phi_proc_set_exit(self, "usage: sleep SECONDS");
    return PHI_EINVAL_;
  }
  Answer done = call(self, PHI_SYS_proc_sleep, {std::to_string(std::llround(value * kMillisPerSecond))});
  return done ? static_cast<int>(PHI_OK) : fail_with(self, done);
}

phi_status start_program(phi_proc* parent, const Stage& stage, phi_pid& pid) {
  std::vector<const char*> args;
  for (size_t i = 1; i < stage.words.size(); ++i) args.push_back(stage.words[i].c_str());
  phi_spawn_options options{};
  options.program = stage.words[0].c_str();
  options.args = args.data();
  options.n_args = args.size();
  options.niceness = stage.niceness;
  options.stdin_from = stage.input.empty() ? nullptr : stage.input.c_str();
  options.stdout_to = stage.output.empty() ? nullptr : stage.output.c_str();
  return phi_proc_start(parent, &options, &pid);
}

// The streams are this process's own already: the program inherits them, and its exit value follows its
// output.
int run_and_print(phi_proc* self, Stage stage) {
  stage.input.clear();
  stage.output.clear();
  stage.niceness = 0;
  phi_pid pid = 0;
  if (phi_status status = start_program(self, stage, pid); status != PHI_OK) {
    phi_proc_set_exit(self, phi_error_message(self));
    return status;
  }
  std::optional<End> end;
  while (!end) end = wait_for(self, pid, PHI_SLEEP_MAX_MS);
  if (end->error.empty()) return print_lines(self, end->value);
  phi_proc_set_exit(self, end->value.c_str());
  return status_of(end->error);
}

int run_native(phi_proc* self, void* arg) {
  const Stage& stage = *static_cast<const Stage*>(arg);
  switch (stage.kind) {
    case Stage::Kind::kText:
      return print_lines(self, stage.text);
    case Stage::Kind::kCat:
      return copy_lines(self);
    case Stage::Kind::kSleep:
      return sleep_for(self, stage.words.size() == 2 ? stage.words[1] : "");
    case Stage::Kind::kProgram:
      return run_and_print(self, stage);
  }
  return PHI_EINVAL_;
}

void release_stage(void* arg) { std::unique_ptr<Stage>(static_cast<Stage*>(arg)); }

phi_status start_native(phi_proc* parent, const Stage& stage, phi_pid& pid) {
  auto own = std::make_unique<Stage>(stage);
  std::string name = stage.kind == Stage::Kind::kProgram ? "sh:" + stage.words[0] : stage.words[0];
  phi_spawn_options options{};
  options.entry = run_native;
  options.release = release_stage;
  options.name = name.c_str();
  options.niceness = stage.niceness;
  options.stdin_from = stage.input.empty() ? nullptr : stage.input.c_str();
  options.stdout_to = stage.output.empty() ? nullptr : stage.output.c_str();
  options.arg = own.release();  // the kernel's now: it calls release_stage in every case
  return phi_proc_start(parent, &options, &pid);
}

}  // namespace

std::expected<Stage, Failure> make_stage(Session& session, const Command& command) {
  session.line = command.line;
  Stage stage;
  for (const Word& word : command.words) {
    auto text = expand(session, word);
    if (!text) return std::unexpected(text.error());
    stage.words.push_back(std::move(*text));
  }
  for (const Redirect& redirect : command.redirects)
    if (auto added = add_redirect(session, redirect, stage); !added) return std::unexpected(added.error());
  return stage;
}

std::expected<phi_pid, Failure> start_stage(Session& session, const Stage& stage) {
  phi_pid pid = 0;
  bool direct = stage.kind == Stage::Kind::kProgram && stage.output.empty();
  phi_status status =
      direct ? start_program(session.proc, stage, pid) : start_native(session.proc, stage, pid);
  if (status != PHI_OK)
    return std::unexpected(
        Failure{fmt::format("{}: {}", stage.words[0], phi_error_message(session.proc)), exit_code(status)});
  return pid;
}

}  // namespace phios::sh
