// sh: the shell of userland, over a kernel of its own.

#include "userland/sh/shell.h"
#include "kernel/boot/cmd/command.h"
#include "kernel/boot/handles.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"

namespace phios {

namespace {

struct ShellOptions {
  std::string command, script;
  std::vector<std::string> args;
};

Result<int> run(const CommandContext& context, const ShellOptions& options) {
  auto system = TRY(System::open(context.config));
  phi_kernel* kernel = system->kernel().owner();
  phi_proc* proc = nullptr;
  if (const phi_status status = phi_proc_attach(kernel, "sh", &proc); status != PHI_OK) {
    return fail(static_cast<ErrorCode>(status), "no process for the shell");
  }
  std::vector<const char*> args;
  for (const std::string& arg : options.args) args.push_back(arg.c_str());
  const std::string history = system->config().home + "/history";
  phi_shell_options shell{};
  if (!options.command.empty()) shell.command = options.command.c_str();
  if (!options.script.empty()) shell.script = options.script.c_str();
  shell.args = args.data();
  shell.n_args = args.size();
  shell.history = history.c_str();
  const int code = phi_shell_main(kernel, proc, &shell);
  phi_proc_detach(proc, "");
  return code;
}

}  // namespace

void add_shell_command(Command app, CommandContext& context) {
  auto o = std::make_shared<ShellOptions>();
  Command command = app.command("sh", "the shell: programs, jobs, pipes, ps, kill, strace, cells");
  command.option("-c", o->command, "run this text").value_name("TEXT");
  command.option("SCRIPT", o->script, "run a script");
  command.option("ARGS", o->args, "its arguments, $1, $2, ...");
  command.footer("`help` inside lists the words. Examples:\n  phios sh\n  phios sh -c 'run count 3; ps'");
  command.callback(command_callback(context, [o, &context] { return run(context, *o); }));
}

}  // namespace phios
