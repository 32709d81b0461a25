// The shell's own words. Whatever is none of them is a program.
//
// Threads: that of the shell. A command writes its output into `out`, so that it can stand in a pipeline, and
// returns its exit code; messages go to standard error.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "userland/sh/session.h"

namespace phios::sh {

using CommandArgs = std::vector<std::string>;  // without the command's name
using CommandFunction = int (*)(Session&, const CommandArgs&, std::string& out);

struct ShellCommand {
  std::string_view name, usage, help;
  CommandFunction run;  // null: run, ask, cat, sleep and nice, which start processes (see pipeline.h)
};

std::span<const ShellCommand> shell_commands();  // sorted by name
const ShellCommand* find_command(std::string_view name);

// "usage: NAME …", code 2.
int usage(const Session& session, std::string_view name);

}  // namespace phios::sh
