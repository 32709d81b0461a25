// string.find, match, gmatch and gsub over the bounded matcher of pattern.h.
#pragma once

#include <lua.hpp>

namespace phios::lua {

inline constexpr size_t kSubjectMax = 1 << 20;  // bytes

// Replaces the four functions in the table on top of the stack.
void replace_pattern_functions(lua_State* L);

}  // namespace phios::lua
