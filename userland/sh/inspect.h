// What shows the state of the kernel: ps, top, cells, ctx, strace. Signatures as in commands.h.
#pragma once

#include <string>
#include <string_view>

#include "userland/sh/commands.h"

namespace phios::sh {

int list_processes(Session& session, const CommandArgs& args, std::string& out);
int watch_processes(Session& session, const CommandArgs& args, std::string& out);
int list_cells(Session& session, const CommandArgs& args, std::string& out);
int list_contexts(Session& session, const CommandArgs& args, std::string& out);
int trace_calls(Session& session, const CommandArgs& args, std::string& out);

// The lines of ps for the JSON that proc_list answers.
std::string process_table(const Session& session, std::string_view json);

}  // namespace phios::sh
