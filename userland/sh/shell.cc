#include "userland/sh/shell.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "userland/sh/commands.h"
#include "userland/sh/interpreter.h"
#include "userland/sh/jobs.h"
#include "userland/sh/line_editor.h"

namespace phios::sh {
namespace {

constexpr int kCancelled = 130;
constexpr size_t kProgramListMax = 64 << 10;  // bytes of all program names

Names program_names(const Session& session) {
  std::string buffer(kProgramListMax, '\0');
  size_t len = std::min(phi_program_list(session.kernel, buffer.data(), buffer.size()), buffer.size() - 1);
  Names names;
  for (size_t at = 0; at < len; at += names.back().size() + 1) names.emplace_back(buffer.c_str() + at);
  return names;
}

Names pid_names(const Session& session) {
  Names names;
  for (const Job& job : session.jobs) names.push_back(fmt::format("%{}", job.number));
  Answer answer = call(session.proc, PHI_SYS_proc_list, {});
  nlohmann::json all = nlohmann::json::parse(answer.text, nullptr, false);
  if (!answer || !all.is_array()) return names;
  for (const nlohmann::json& process : all)
    if (process.is_object()) names.push_back(std::to_string(process.value("pid", 0ULL)));
  return names;
}

CompletionSources sources_of(const Session& session) {
  return {[] {
            Names names;
            for (const ShellCommand& command : shell_commands()) names.emplace_back(command.name);
            return names;
          },
          [&session] { return program_names(session); }, [&session] { return pid_names(session); },
          [&session](const std::string& prefix) {
            return call(session.proc, PHI_SYS_mem_list, {prefix, std::nullopt}).words;
          }};
}

// A line of standard input, byte by byte: what comes after it belongs to the programs that read.
bool read_line(std::string& line) {
  line.clear();
  char c = 0;
  while (true) {
    ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return !line.empty();
    if (c == '\n') return true;
    line += c;
  }
}

// Runs the lines that `next` appends to the text of a command, which may go over several.
template <class Next>
void run_lines(Session& session, Next next) {
  std::string text;
  int first = 1;
  while (!session.exiting) {
    if (text.empty()) reap_jobs(session);
    bool at_end = !next(text);
    if (at_end && text.empty()) return;
    auto items = parse(text, first);
    if (!items && items.error().incomplete && !at_end && text.size() <= kSourceMax) continue;
    session.line = first;
    run_text(session, text);
    if (at_end) return;
    first += 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    text.clear();
  }
}

void add_line(std::string& text, const std::string& line) { text += (text.empty() ? "" : "\n") + line; }

void run_interactive(Session& session, const char* history) {
  LineEditor editor(sources_of(session), history);
  run_lines(session, [&](std::string& text) {
    while (std::optional<std::string> line = editor.read(!text.empty())) {
      if (!editor.take_cancelled()) {
        add_line(text, *line);
        editor.remember(text);
        TerminalSignals::forget();
        return true;
      }
      session.status = kCancelled;
      text.clear();
    }
    say("\n");
    return false;
  });
}

int run_file(Session& session, const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return complain(session, fmt::format("{}: {}", path, std::strerror(errno)), 127);
  session.file = path;
  return run_text(session, text.str());
}

void end_jobs(Session& session) {
  for (const Job& job : session.jobs) {
    signal_job(session, job, "cont");
    signal_job(session, job, "kill");
  }
}

void set_arguments(const Session& session, const phi_shell_options& options) {
  for (size_t i = 0; i < options.n_args; ++i)
    call(session.proc, PHI_SYS_mem_write, {std::to_string(i + 1), options.args[i]});
}

int run(phi_kernel* kernel, phi_proc* proc, const phi_shell_options& options) {
  Session session;
  session.kernel = kernel;
  session.proc = proc;
  session.colour = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && !std::getenv("NO_COLOR");
  session.interactive = !options.command && !options.script && isatty(STDIN_FILENO);
  TerminalSignals signals(session.interactive);
  set_arguments(session, options);
  if (options.command) {
    session.file = "-c";
    run_text(session, options.command);
  } else if (options.script) {
    session.status = run_file(session, options.script);
  } else if (session.interactive) {
    run_interactive(session, options.history);
  } else {
    session.file = "stdin";
    run_lines(session, [](std::string& text) {
      std::string line;
      if (!read_line(line)) return false;
      add_line(text, line);
      return true;
    });
  }
  end_jobs(session);
  return session.status;
}

}  // namespace
}  // namespace phios::sh

int phi_shell_main(phi_kernel* kernel, phi_proc* proc, const phi_shell_options* options) {
  return phios::sh::run(kernel, proc, options ? *options : phi_shell_options{});
}
