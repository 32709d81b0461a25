#include "userland/lua/sandbox.h"

#include <cstdlib>
#include <initializer_list>

#include "userland/lua/string_library.h"
#include "userland/lua/vm.h"

namespace phios::lua {
namespace {

// Calls the C function in upvalue 1 in the same frame once the stack has room for it.
int guarded(lua_State* L) {
  check_stack(L);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

// A table function of the library: `#t` may be a metamethod's lie, and the library would walk that far.
int bounded_table(lua_State* L) {
  if (lua_istable(L, 1) && luaL_len(L, 1) > kTableMax)
    luaL_error(L, "a table of more than %d elements", static_cast<int>(kTableMax));
  return guarded(L);
}

int bounded_move(lua_State* L) {
  lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
  if (to > from && static_cast<lua_Unsigned>(to) - static_cast<lua_Unsigned>(from) > kTableMax)
    luaL_error(L, "more than %d elements", static_cast<int>(kTableMax));
  return guarded(L);
}

int safe_setmetatable(lua_State* L) {
  if (lua_istable(L, 2)) {
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, 2) != LUA_TNIL) luaL_error(L, "finalizers (__gc) are not allowed");
    lua_pop(L, 1);
  }
  return guarded(L);
}

// load(text, name, mode, env): text only, as a binary chunk can do anything to the interpreter.
int safe_load(lua_State* L) {
  check_stack(L);
  size_t len = 0;
  const char* text = luaL_checklstring(L, 1, &len);
  const char* name = luaL_optstring(L, 2, "=(load)");
  if (luaL_loadbufferx(L, text, len, name, "t") != LUA_OK) {
    luaL_pushfail(L);
    lua_insert(L, -2);
    return 2;
  }
  if (!lua_isnone(L, 4)) {
    lua_pushvalue(L, 4);
    lua_setupvalue(L, -2, 1);
  }
  return 1;
}

int safe_collectgarbage(lua_State* L) {
  static const char* const kOptions[] = {"collect", "count", "step", nullptr};
  switch (luaL_checkoption(L, 1, "collect", kOptions)) {
    case 1:
      lua_pushnumber(L, static_cast<double>(vm_of(L).used) / 1024);
      return 1;
    case 2:
      lua_pushboolean(L, lua_gc(L, LUA_GCSTEP, 0));
      return 1;
    default:
      lua_pushinteger(L, lua_gc(L, LUA_GCCOLLECT));
      return 1;
  }
}

// The library's wrap nests C frames without asking; this one goes through the guarded resume.
int wrap_call(lua_State* L) {
  check_stack(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 2);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  if (!lua_toboolean(L, 1)) {
    lua_settop(L, 2);
    return lua_error(L);
  }
  return lua_gettop(L) - 1;
}

// Upvalues: resume, create.
int safe_wrap(lua_State* L) {
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  lua_pushcclosure(L, wrap_call, 2);
  return 1;
}

// Replaces the function `name` of the table on top by `wrapper`, with the original as its upvalue.
void wrap_field(lua_State* L, const char* name, lua_CFunction wrapper) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, wrapper, 1);
  lua_setfield(L, -2, name);
}

void remove_field(lua_State* L, const char* name) {
  lua_pushnil(L);
  lua_setfield(L, -2, name);
}

void open_base(lua_State* L) {
  luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
  for (const char* name : {"dofile", "loadfile", "warn"}) remove_field(L, name);
  for (const char* name : {"pcall", "xpcall"}) wrap_field(L, name, guarded);
  wrap_field(L, "setmetatable", safe_setmetatable);
  lua_pushcfunction(L, safe_load);
  lua_setfield(L, -2, "load");
  lua_pushcfunction(L, safe_collectgarbage);
  lua_setfield(L, -2, "collectgarbage");
  lua_pop(L, 1);
}

void open_string(lua_State* L) {
  luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
  remove_field(L, "dump");
  wrap_field(L, "format", guarded);
  replace_pattern_functions(L);
  lua_pop(L, 1);
}

void open_table(lua_State* L) {
  luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
  for (const char* name : {"concat", "insert", "remove", "sort"}) wrap_field(L, name, bounded_table);
  wrap_field(L, "move", bounded_move);
  lua_pop(L, 1);
}

void open_coroutine(lua_State* L) {
  luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
  wrap_field(L, "resume", guarded);
  wrap_field(L, "close", guarded);
  lua_getfield(L, -1, "resume");
  lua_getfield(L, -2, "create");
  lua_pushcclosure(L, safe_wrap, 2);
  lua_setfield(L, -2, "wrap");
  lua_pop(L, 1);
}

// os: the clock alone.
void open_os(lua_State* L) {
  luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
  lua_createtable(L, 0, 4);
  for (const char* name : {"clock", "date", "difftime", "time"}) {
    lua_getfield(L, -2, name);
    lua_setfield(L, -2, name);
  }
  lua_setglobal(L, LUA_OSLIBNAME);
  lua_pop(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  remove_field(L, LUA_OSLIBNAME);
  lua_pop(L, 1);
}

// math.random follows the process's seed, so that a recorded run replays.
void open_math(lua_State* L) {
  luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
  char text[32];
  size_t len = 0;
  const phi_arg below{"4611686018427387904"};  // 2^62
  if (phi_syscall(vm_of(L).proc, PHI_SYS_sys_random, &below, 1, PHI_FOREVER, text, sizeof text, &len) ==
      PHI_OK) {
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, static_cast<lua_Integer>(std::strtoll(text, nullptr, 10)));
    lua_call(L, 1, 0);
  }
  lua_pop(L, 1);
}

}  // namespace

void open_libraries(lua_State* L) {
  open_base(L);
  open_string(L);
  open_table(L);
  open_coroutine(L);
  open_os(L);
  open_math(L);
  luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
  lua_pop(L, 1);
}

}  // namespace phios::lua
