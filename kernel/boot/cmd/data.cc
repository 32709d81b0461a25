// Registers the commands that handle data: index and solver.
#include <CLI/CLI.hpp>

#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/index.h"
#include "kernel/boot/cmd/solver.h"

namespace phios {

namespace {

void add_index(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<IndexOptions>();
  CLI::App* command = app.add_subcommand("index", "add documents to a collection that RETRIEVE searches");
  command
      ->add_option("paths", options->paths,
                   "directories, .txt, .md or .jsonl files ({\"id\", \"title\", \"text\"})")
      ->type_name("PATH");
  command->add_option("--collection", options->collection, "the collection")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--remove", options->remove, "remove a document (may be repeated)")->type_name("ID");
  command->add_flag("--list", options->list, "list the collections");
  command->footer("Example: phios index docs/ notes.jsonl --collection default");
  command->callback([options, &context] {
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

void add_solver(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<SolverOptions>();
  CLI::App* command = app.add_subcommand("solver", "run logic programs: true, false or unknown");
  command->add_option("--lang", options->language, "rules or smt2")->type_name("NAME")->capture_default_str();
  command->add_option("--data", options->data, "JSON lines: id, program, gold if known")->type_name("FILE");
  command->add_option("--out", options->out, "JSON lines: id, answer, status, message, ms")
      ->type_name("FILE");
  command->add_option("--file", options->file, "one program instead")->type_name("FILE");
  command->add_option("--unknown", options->unknown, "the answer when undecided; true is A, false is B")
      ->check(CLI::IsMember({"A", "B", "C"}))
      ->capture_default_str();
  command->add_option("--deadline-ms", options->deadline_ms, "for each program")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--memory", options->memory_bytes, "of an smt2 process, such as 512MB")
      ->transform(CLI::AsSizeValue(false));
  command->footer("Example: phios solver --lang smt2 --file puzzle.smt2");
  command->callback([options, &context] {
    options->json = context.json;
    context.status = run_solver_command(*options);
  });
}

}  // namespace

void add_data_commands(CLI::App& app, CommandContext& context) {
  add_index(app, context);
  add_solver(app, context);
}

}  // namespace phios
