// phios: the command.
#include <fmt/core.h>

#include <cstring>

#include "drivers/solver/smt_child.h"
#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/command_line.h"

namespace phios {

namespace {

int run(int argc, char** argv) {
  CommandContext context;
  CommandLine line(
      "phios: an operating system for small language models. Every call of the model is a process; the model "
      "itself makes system calls.",
      "phios " PHIOS_VERSION);
  Command app = line.root();
  app.footer(
      "First steps:\n  phios tour\n  phios ask \"What is 12 times 34?\"\n  phios sh\nState lives in "
      "$PHIOS_HOME (else the XDG data directory).");
  app.option("--model", context.config.model,
             "a GGUF file; or nano (embedded, the default), null (null:N for N tokens), random, "
             "shuffled, induction")
      .value_name("NAME");
  app.option("--home", context.config.home, "where state lives, instead of $PHIOS_HOME").value_name("DIR");
  app.option("--programs", context.config.program_path, "a further directory of programs (may be repeated)")
      .value_name("DIR");
  app.option("--threads", context.config.threads, "model workers (default: the number of cores)");
  app.option("--context-length", context.config.context_length,
             "longest context that is wanted: beyond that of training a model with LongRoPE takes its "
             "long factors (default: as long as that)")
      .range(1, PHI_CONTEXT_MAX)
      .value_name("TOKENS");
  app.option("--reactors", context.config.reactors, "reactors (default: the number of cores)");
  app.option("--kv-bytes", context.config.kv_bytes, "memory for KV frames, such as 512MB").bytes();
  app.option("--kv", context.config.kv,
             "how pages of keys and values are kept: full, int8, int4, int2, age, importance, "
             "window[:TOKENS], quest[:TOKENS], "
             "or a library FILE.so; POLICY@N keeps the newest N tokens as they are")
      .value_name("POLICY");
  app.option("--swap-bytes", context.config.swap_bytes,
             "disk for KV frames when memory is full (default: four times as much; 0: compute them again)")
      .bytes();
  app.option("--seed", context.config.seed, "of every random choice of the run");
  app.flag("--json", context.json, "results as JSON, for scripts");
  app.no_flag("--no-io-uring", context.config.allow_uring, "use poll and threads instead");
  add_run_commands(app, context);
  add_tour_command(app, context);
  add_shell_command(app, context);
  add_program_commands(app, context);
  add_data_commands(app, context);
  add_model_commands(app, context);
  add_perplexity_command(app, context);
  add_eval_command(app, context);
  add_bench_command(app, context);
  if (const std::optional<int> ended = line.run(argc, argv)) return *ended;
  return context.status;
}

}  // namespace

}  // namespace phios

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "solver-child") == 0)
    return phios::solver_child_main(argc - 1, argv + 1);
  return phios::run(argc, argv);
}
