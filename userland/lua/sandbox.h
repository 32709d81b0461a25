// The standard libraries as a process of phios sees them: no files, no binary chunks, no finalizers (Lua
// turns its hooks off inside them), no loop in C without a bound.
#pragma once

#include <lua.hpp>

namespace phios::lua {

inline constexpr lua_Integer kTableMax = 1 << 24;  // elements that one call of the table library may walk

void open_libraries(lua_State* L);

}  // namespace phios::lua
