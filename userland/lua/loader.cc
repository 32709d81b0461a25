#include <cstdio>

#include "userland/lua/lua_loader.h"
#include "userland/lua/vm.h"

namespace phios::lua {
namespace {

struct Script {
  const char* path;
  const char* text;
  size_t len;
};

// Pushes the program's arguments, the cells 1…n; their number.
int push_arguments(lua_State* L) {
  Vm& vm = vm_of(L);
  for (int i = 1; i <= PHI_ARGS_MAX; ++i) {
    char name[16], small[kSmallResult];
    std::snprintf(name, sizeof name, "%d", i);
    const phi_arg cell{name};
    size_t len = 0;
    if (phi_syscall(vm.proc, PHI_SYS_mem_read, &cell, 1, PHI_FOREVER, small, sizeof small, &len) != PHI_OK)
      return i - 1;
    const char* value = len < sizeof small ? small : phi_result(vm.proc, &len);
    lua_pushlstring(L, value, len);
  }
  return PHI_ARGS_MAX;
}

int run_script(lua_State* L) {
  const auto& script = *static_cast<const Script*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  luaL_checkstack(L, PHI_ARGS_MAX + 8, "arguments");
  const char* text = script.text;
  size_t len = script.len;
  if (len > 0 &&
      text[0] == '#')  // "#!": an interpreter's line; the newline stays, so that lines keep their numbers
    while (len > 0 && *text != '\n') ++text, --len;
  lua_pushfstring(L, "@%s", script.path);
  if (luaL_loadbufferx(L, text, len, lua_tostring(L, -1), "t") != LUA_OK) {
    vm_of(L).status = PHI_EPARSE_;
    return lua_error(L);
  }
  lua_call(L, push_arguments(L), 1);
  return 1;
}

int run(void* self, phi_proc* proc, const char* path, const char* text, size_t len) {
  Script script{path, text, len};
  return run_state(proc, static_cast<const phi_lua_options*>(self), run_script, &script);
}

}  // namespace
}  // namespace phios::lua

phi_loader phi_lua_loader(void) { return phi_lua_loader_with(nullptr); }

phi_loader phi_lua_loader_with(const phi_lua_options* options) {
  phi_loader loader{};
  loader.kind = "lua";
  loader.suffix = ".lua";
  loader.self = const_cast<phi_lua_options*>(options);
  loader.run = phios::lua::run;
  return loader;
}
