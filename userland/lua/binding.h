// The global `phi`: every row of the table as phi.<noun>.<verb>, and what Lua needs beside it.
//
// A call takes its arguments by position, then a table for those that are written key=value; a call that
// blocks also takes ms there. It returns its result (a string, an integer, an array of strings, decoded JSON,
// or true), or nil and an error: a table {code, message, call} that prints as text. Wrong Lua types raise.
#pragma once

#include <lua.hpp>

#include "syscalls/abi/phios.h"

namespace phios::lua {

void open_binding(lua_State* L);

// Pushes nil and the error table of a call that failed; raises instead when the process was told to end.
int push_failure(lua_State* L, phi_status status, const char* message, const char* call);

// The status of the error table at `index`; PHI_OK when it is none.
phi_status error_status(lua_State* L, int index);

// The argument at `index` as a call's text: a string, a number or a boolean. Raises for another type, for a
// string with a NUL byte too.
const char* argument_text(lua_State* L, int index, const char* type);

}  // namespace phios::lua
