// JSON ↔ Lua values. Objects and arrays become tables, integers that fit 64 bits stay integers, null is
// absent in an object and phi.json.null in an array. Nesting is bounded by kJsonDepth.
//
// Errors: decode returns the reason (a constant) and where; encode returns the reason. Both raise only when
// memory ends.
#pragma once

#include <cstddef>
#include <string_view>

#include "userland/lua/buffer.h"

namespace phios::lua {

inline constexpr int kJsonDepth = 64;

struct JsonError {
  const char* reason = nullptr;  // null: none
  size_t offset = 0;
};

// Pushes the value of `text` when there is no error; else what was pushed is undefined and the caller drops
// it.
JsonError json_decode(lua_State* L, std::string_view text);

// Appends the value at the absolute index. A table with values 1…n alone is an array, an empty one an object.
JsonError json_encode(lua_State* L, int index, Buffer& out);

void push_json_library(lua_State* L);  // phi.json

}  // namespace phios::lua
