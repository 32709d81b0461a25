// run, ask: programs from the command line.
#include <fmt/core.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/job.h"
#include "kernel/boot/cmd/profile.h"
#include "kernel/boot/system.h"
#include "kernel/boot/token_counts.h"
#include "kernel/proc/kernel.h"

namespace phios {

namespace {

// The exit value of `solve` for what the model was not taught begins so (userland/programs/solve.lua).
constexpr std::string_view kNotTaught = "not taught:";

struct RunOptions {
  std::string program;
  std::vector<std::string> args, limits;
  std::string trace, stats;
  bool profile = false;
};

void print_result(const CommandContext& context, const JobResult& result) {
  if (context.json) {
    fmt::print("{}\n", nlohmann::json{{"value", result.value}, {"error", result.error}}.dump());
  } else if (result.error.empty() && !result.value.empty()) {
    fmt::print("{}\n", result.value);
  }
}

Result<int> run_program(const CommandContext& context, const RunOptions& options) {
  auto system = TRY(System::open(context.config));
  auto job = TRY(Job::attach(*system, "phios"));
  const bool traces = options.profile || !options.trace.empty();
  Profile profile(*system);
  const phi_pid pid = TRY(job->start(options.program, options.args, options.limits));
  const JobResult result = TRY(job->wait(pid, [&] {
    if (traces) profile.poll();
  }));
  print_result(context, result);
  std::fflush(stdout);
  if (!options.trace.empty()) TRY(profile.write_perfetto(options.trace));
  if (options.profile) fmt::print(stderr, "{}", context.json ? profile.json() + "\n" : profile.table());
  if (options.stats == "json") {
    nlohmann::json counts(system->kernel().ended_counts());
    counts["pages"] = nlohmann::json::parse(system->stats_json())["pages"];
    fmt::print("{}\n", counts.dump());
  }
  if (!result.error.empty()) {
    fmt::print(stderr, "phios: {}: {} ({})\n", options.program, result.value, result.error);
    return kExitFailed;
  }
  return result.value.starts_with(kNotTaught) ? kExitNotTaught : 0;
}

void run_and_report(CommandContext& context, const RunOptions& options) {
  const Result<int> status = run_program(context, options);
  context.status = status ? *status : report(status.error());
}

void add_measuring(Command command, RunOptions& options) {
  command.flag("--profile", options.profile,
               "say where time went: switches, traps, waits, batch occupancy (to standard error)");
  command.option("--trace", options.trace, "write every event to a file that ui.perfetto.dev opens")
      .value_name("FILE");
  command.option("--stats", options.stats, "end with the token counts of all processes, as JSON")
      .one_of({"json"});
  command
      .option("--limit", options.limits,
              "tokens=N, frames=N, cells=N, children=N or wall_ms=N (may be repeated)")
      .value_name("RESOURCE=AMOUNT");
}

}  // namespace

void add_run_commands(Command app, CommandContext& context) {
  auto run = std::make_shared<RunOptions>();
  Command command = app.command("run", "run a program: a standard one by name, or a .lua or .md file");
  command.footer(
      "Examples:\n  phios run count 3\n  phios run my.lua --profile\n  phios run utm --trace utm.json");
  command.option("PROGRAM", run->program, "its name or path").required();
  command.option("ARGS", run->args, "its arguments, the cells 1, 2, ...");
  add_measuring(command, *run);
  command.callback([run, &context] { run_and_report(context, *run); });

  auto ask = std::make_shared<RunOptions>();
  command = app.command("ask", "answer a question with the standard program solve");
  command.footer(
      "Documents come from the collection `default`: phios index DIR.\nExit code 3: the model was not taught "
      "such questions.\nExample:\n"
      "  phios ask \"Tom has 3 apples and buys 4 more. How many apples does he have?\"");
  command.option("QUESTION", ask->args, "the question; `-` reads it from standard input").required();
  add_measuring(command, *ask);
  command.callback([ask, &context] {
    ask->program = "solve";
    std::string question;
    for (const std::string& word : ask->args) question += (question.empty() ? "" : " ") + word;
    if (question == "-") {
      question.clear();
      char buffer[4096];
      for (ssize_t n; (n = read(STDIN_FILENO, buffer, sizeof buffer)) > 0 && question.size() <= PHI_CELL_MAX;)
        question.append(buffer, static_cast<size_t>(n));
    }
    ask->args = {question};
    run_and_report(context, *ask);
  });
}

}  // namespace phios
