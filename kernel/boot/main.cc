// phios: the command.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstring>

#include "drivers/solver/smt_child.h"
#include "kernel/boot/cmd/command.h"

namespace phios {

namespace {

int run(int argc, char** argv) {
  CommandContext context;
  CLI::App app(
      "phios: an operating system for small language models. Every call of the model is a process; the model "
      "itself makes system calls.");
  app.footer(
      "First steps:\n  phios tour\n  phios ask \"What is 12 times 34?\"\n  phios sh\nState lives in "
      "$PHIOS_HOME (else the XDG data directory).");
  app.set_version_flag("--version", "phios " PHIOS_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--model", context.config.model,
                 "a GGUF file; or nano (embedded, the default), null (null:N for N tokens), random, "
                 "shuffled, induction")
      ->type_name("NAME");
  app.add_option("--home", context.config.home, "where state lives, instead of $PHIOS_HOME")
      ->type_name("DIR");
  app.add_option("--programs", context.config.program_path,
                 "a further directory of programs (may be repeated)")
      ->type_name("DIR");
  app.add_option("--threads", context.config.threads, "model workers (default: the number of cores)");
  app.add_option("--context-length", context.config.context_length,
                 "longest context that is wanted: beyond that of training a model with LongRoPE takes its "
                 "long factors (default: as long as that)")
      ->check(CLI::Range(1, PHI_CONTEXT_MAX))
      ->type_name("TOKENS");
  app.add_option("--reactors", context.config.reactors, "reactors (default: the number of cores)");
  app.add_option("--kv-bytes", context.config.kv_bytes, "memory for KV frames, such as 512MB")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--kv", context.config.kv,
                 "how pages of keys and values are kept: full, int8, int4, int2, age, importance, "
                 "window[:TOKENS], quest[:TOKENS], "
                 "or a library FILE.so; POLICY@N keeps the newest N tokens as they are")
      ->type_name("POLICY");
  app.add_option(
         "--swap-bytes", context.config.swap_bytes,
         "disk for KV frames when memory is full (default: four times as much; 0: compute them again)")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--seed", context.config.seed, "of every random choice of the run");
  app.add_flag("--json", context.json, "results as JSON, for scripts");
  bool no_uring = false;
  app.add_flag("--no-io-uring", no_uring, "use poll and threads instead");
  app.parse_complete_callback([&] { context.config.allow_uring = !no_uring; });
  add_run_commands(app, context);
  add_tour_command(app, context);
  add_shell_command(app, context);
  add_program_commands(app, context);
  add_data_commands(app, context);
  add_model_commands(app, context);
  add_perplexity_command(app, context);
  add_eval_command(app, context);
  add_bench_command(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> rest = app.remaining();
    if (app.get_subcommands().empty() && !rest.empty() && rest.front()[0] != '-') {
      fmt::print(stderr, "phios: no command {}; `phios --help` lists them\n", rest.front());
      return kExitUsage;
    }
    const int code = app.exit(error);
    return code == 0 ? 0 : kExitUsage;
  }
  return context.status;
}

}  // namespace

}  // namespace phios

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "solver-child") == 0)
    return phios::solver_child_main(argc - 1, argv + 1);
  return phios::run(argc, argv);
}
