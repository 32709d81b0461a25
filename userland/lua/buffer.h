// Buffer: text under construction that survives a longjmp: its bytes are a userdata at a fixed stack index.
//
// Ownership: the Lua state's. Order: open() first, which pushes one slot; that slot stays the buffer's until
// close() puts the text there as a string. Errors: raises when memory ends.
#pragma once

#include <algorithm>
#include <cstring>
#include <lua.hpp>
#include <string_view>

namespace phios::lua {

struct Buffer {
  lua_State* L;
  int slot;
  char* data;
  size_t len, cap;

  static Buffer open(lua_State* L) {
    constexpr size_t kFirst = 256;
    luaL_checkstack(L, 4, "text");
    char* data = static_cast<char*>(lua_newuserdatauv(L, kFirst, 0));
    return {L, lua_gettop(L), data, 0, kFirst};
  }
  void add(std::string_view text) {
    if (text.empty()) return;
    if (text.size() > cap - len) grow(text.size());
    std::memcpy(data + len, text.data(), text.size());
    len += text.size();
  }
  void add(char c) { add(std::string_view(&c, 1)); }
  std::string_view view() const { return {data, len}; }
  void close() {
    lua_pushlstring(L, data, len);
    lua_replace(L, slot);
  }

 private:
  void grow(size_t more) {
    size_t larger = std::max(cap * 2, len + more);
    char* moved = static_cast<char*>(lua_newuserdatauv(L, larger, 0));
    std::memcpy(moved, data, len);
    lua_replace(L, slot);
    data = moved;
    cap = larger;
  }
};

}  // namespace phios::lua
