// Registers the commands that handle data: index and solver.

#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/index.h"
#include "kernel/boot/cmd/solver.h"

namespace phios {

namespace {

void add_index(Command app, CommandContext& context) {
  auto options = std::make_shared<IndexOptions>();
  Command command = app.command("index", "add documents to a collection that RETRIEVE searches");
  command
      .option("paths", options->paths,
              "directories, .txt, .md or .jsonl files ({\"id\", \"title\", \"text\"})")
      .value_name("PATH");
  command.option("--collection", options->collection, "the collection").value_name("NAME").show_default();
  command.option("--remove", options->remove, "remove a document (may be repeated)").value_name("ID");
  command.flag("--list", options->list, "list the collections");
  command.footer("Example: phios index docs/ notes.jsonl --collection default");
  command.callback([options, &context] {
    auto home = context.config.home.empty() ? default_home() : Result<std::string>(context.config.home);
    const Status made = home ? make_home(*home) : Status(std::unexpected(home.error()));
    if (!made) {
      context.status = report(made.error());
      return;
    }
    options->home = *home;
    options->json = context.json;
    context.status = run_index_command(*options);
  });
}

void add_solver(Command app, CommandContext& context) {
  auto options = std::make_shared<SolverOptions>();
  Command command = app.command("solver", "run logic programs: true, false or unknown");
  command.option("--lang", options->language, "rules or smt2").value_name("NAME").show_default();
  command.option("--data", options->data, "JSON lines: id, program, gold if known").value_name("FILE");
  command.option("--out", options->out, "JSON lines: id, answer, status, message, ms").value_name("FILE");
  command.option("--file", options->file, "one program instead").value_name("FILE");
  command.option("--unknown", options->unknown, "the answer when undecided; true is A, false is B")
      .one_of({"A", "B", "C"})
      .show_default();
  command.option("--deadline-ms", options->deadline_ms, "for each program").positive().show_default();
  command.option("--memory", options->memory_bytes, "of an smt2 process, such as 512MB").bytes();
  command.footer("Example: phios solver --lang smt2 --file puzzle.smt2");
  command.callback([options, &context] {
    options->json = context.json;
    context.status = run_solver_command(*options);
  });
}

}  // namespace

void add_data_commands(Command app, CommandContext& context) {
  add_index(app, context);
  add_solver(app, context);
}

}  // namespace phios
