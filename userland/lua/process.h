// phi.proc.spawn, fork, wait, exit: what the table's rows do not say for Lua.
//
//  - spawn(program, args…, {rights=, limits=, stdin=, stdout=, form=, sampling=, group=, nice=, cells=})
//    → pid
//  - fork(n, fn, …) → the pids; each child runs fn(i, …) in a state of its own, i from 1 to n
//  - wait(pid or "any", {ms=}) → pid, exit value; of a child that failed its message and the error's name
//  - exit(value)
#pragma once

#include <lua.hpp>

namespace phios::lua {

void add_process_functions(lua_State* L);  // to the table phi.proc on top of the stack

}  // namespace phios::lua
