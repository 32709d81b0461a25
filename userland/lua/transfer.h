// A function and its arguments as bytes, to run it in another Lua state: what phi.proc.fork hands to its
// children.
//
// Bytecode is made here and read here only; scripts can neither write nor load it. Values are nil, booleans,
// numbers, strings and plain tables of them. Errors: a constant text.
#pragma once

#include <string_view>

#include "userland/lua/buffer.h"

namespace phios::lua {

inline constexpr int kTransferDepth = 32;  // tables inside tables

// Appends the function at `index` and the values above it up to the top of the stack as it is now; null or
// the reason why not. Raises only when memory ends.
const char* pack_call(lua_State* L, int index, int last, Buffer& out);

// Pushes the function and its arguments; returns how many arguments. Raises when memory ends.
int unpack_call(lua_State* L, std::string_view bytes);

}  // namespace phios::lua
