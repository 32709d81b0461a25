#include "userland/lua/process.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "userland/lua/binding.h"
#include "userland/lua/transfer.h"
#include "userland/lua/vm.h"

namespace phios::lua {
namespace {

constexpr int kListMax = 32;  // rights, limits or sampling options of one spawn

constexpr const char* kSpawnOptions[] = {"rights",   "limits", "stdin", "stdout", "form",
                                         "sampling", "group",  "nice",  "cells"};

void check_option_names(lua_State* L, int options) {
  for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
    const char* key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    bool known = false;
    for (const char* name : kSpawnOptions) known = known || std::strcmp(name, key) == 0;
    if (!known) luaL_error(L, "proc.spawn: there is no option '%s'", key);
  }
}

// The option's value stays on the stack, so that its text lives through the call.
bool push_option(lua_State* L, int options, const char* name) {
  luaL_checkstack(L, 8, "options");
  lua_pushstring(L, name);
  return lua_rawget(L, options) != LUA_TNIL;
}

const char* text_option(lua_State* L, int options, const char* name) {
  return push_option(L, options, name) ? argument_text(L, lua_gettop(L), "value") : nullptr;
}

int int_option(lua_State* L, int options, const char* name) {
  if (!push_option(L, options, name)) return 0;
  if (lua_isboolean(L, -1)) return lua_toboolean(L, -1);
  return static_cast<int>(luaL_checkinteger(L, -1));
}

// cells = "copy": the child has copies of the private cells; "share": it uses the parent's own.
int cells_option(lua_State* L, int options) {
  const char* how = text_option(L, options, "cells");
  if (!how) return 0;
  if (std::strcmp(how, "copy") == 0) return 1;
  if (std::strcmp(how, "share") == 0) return 2;
  return luaL_error(L, "proc.spawn: cells is 'copy' or 'share', not '%s'", how);
}

struct TextList {
  const char* items[kListMax];
  size_t n = 0;
  bool given = false;

  const char* const* data() const { return given ? items : nullptr; }
};

void add_text(lua_State* L, TextList& out, const char* option) {
  if (out.n == kListMax) luaL_error(L, "proc.spawn: more than %d %s", kListMax, option);
  out.items[out.n++] = argument_text(L, lua_gettop(L), "value");
}

// A list of texts, or name = value pairs, which become "name=value". The texts stay on the stack.
void list_option(lua_State* L, int options, const char* name, TextList& out) {
  if (!push_option(L, options, name)) return;
  if (!lua_istable(L, -1)) luaL_error(L, "proc.spawn: %s is a table", name);
  out.given = true;
  int list = lua_gettop(L);
  luaL_checkstack(L, 2 * kListMax + 8, "options");
  auto n = static_cast<lua_Integer>(lua_rawlen(L, list));
  for (lua_Integer i = 1; i <= n && i <= kListMax + 1; ++i) {
    lua_rawgeti(L, list, i);
    add_text(L, out, name);
  }
  lua_pushnil(L);
  while (lua_next(L, list)) {
    int key = lua_gettop(L) - 1;
    if (lua_type(L, key) == LUA_TSTRING) {
      lua_pushfstring(L, "%s=%s", lua_tostring(L, key), argument_text(L, key + 1, "int"));
      lua_replace(L, key + 1);
      add_text(L, out, name);
      lua_pushvalue(L, key);  // the text stays, the key goes on
      lua_remove(L, key);
    } else {
      lua_pop(L, 1);
    }
  }
}

int spawn(lua_State* L) {
  int given = lua_gettop(L);
  phi_spawn_options spawn_options{};
  TextList rights, limits, sampling;
  if (given > 1 && lua_istable(L, given)) {
    int options = given--;
    check_option_names(L, options);
    list_option(L, options, "rights", rights);
    list_option(L, options, "limits", limits);
    list_option(L, options, "sampling", sampling);
    spawn_options.stdin_from = text_option(L, options, "stdin");
    spawn_options.stdout_to = text_option(L, options, "stdout");
    spawn_options.form = text_option(L, options, "form");
    spawn_options.niceness = int_option(L, options, "nice");
    spawn_options.new_group = int_option(L, options, "group");
    spawn_options.copy_cells = cells_option(L, options);
  }
  luaL_checkany(L, 1);
  if (given - 1 > PHI_ARGS_MAX) luaL_error(L, "proc.spawn: more than %d arguments", PHI_ARGS_MAX);
  const char* args[PHI_ARGS_MAX];
  for (int i = 2; i <= given; ++i) args[i - 2] = argument_text(L, i, "value");
  spawn_options.program = argument_text(L, 1, "name");
  spawn_options.args = args;
  spawn_options.n_args = static_cast<size_t>(given - 1);
  spawn_options.rights = rights.data();
  spawn_options.n_rights = rights.n;
  spawn_options.limits = limits.data();
  spawn_options.n_limits = limits.n;
  spawn_options.sampling = sampling.data();
  spawn_options.n_sampling = sampling.n;

  Vm& vm = vm_of(L);
  phi_pid pid = 0;
  phi_status status = phi_proc_start(vm.proc, &spawn_options, &pid);
  if (status != PHI_OK) return push_failure(L, status, phi_error_message(vm.proc), "proc.spawn");
  lua_pushinteger(L, static_cast<lua_Integer>(pid));
  return 1;
}

// ---- fork
// ----------------------------------------------------------------------------------------------------

struct ForkImage {
  std::string call;  // pack_call's bytes
  phi_lua_options limits;
};

struct ForkChild {
  std::shared_ptr<const ForkImage> image;
  lua_Integer index;
};

int run_fork_child(lua_State* L) {
  const auto& child = *static_cast<const ForkChild*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  int n = unpack_call(L, child.image->call);
  lua_pushinteger(L, child.index);
  lua_insert(L, 2);
  lua_call(L, n + 1, 1);
  return 1;
}

int fork_entry(phi_proc* self, void* arg) {
  auto* child = static_cast<ForkChild*>(arg);
  return run_state(self, &child->image->limits, run_fork_child, child);
}

void release_fork_child(void* arg) { std::unique_ptr<ForkChild>(static_cast<ForkChild*>(arg)); }

void kill_and_reap(phi_proc* proc, phi_pid pid) {
  const std::string text = std::to_string(pid);
  char none[64];
  size_t len = 0;
  const std::array<phi_arg, 2> kill{{{text.c_str()}, {"kill"}}}, wait{{{text.c_str()}, {nullptr}}};
  phi_syscall(proc, PHI_SYS_proc_signal, kill.data(), kill.size(), PHI_FOREVER, none, sizeof none, &len);
  phi_syscall(proc, PHI_SYS_proc_wait, wait.data(), wait.size(), PHI_FOREVER, none, sizeof none, &len);
}

// Makes no Lua call: what it owns is not lost to a longjmp. On failure no child is left.
phi_status start_children(phi_proc* proc, std::string_view call, const phi_lua_options& limits, phi_pid* pids,
                          lua_Integer n, Buffer& message) {
  auto image = std::make_shared<const ForkImage>(ForkImage{std::string(call), limits});
  for (lua_Integer i = 0; i < n; ++i) {
    auto child = std::make_unique<ForkChild>(ForkChild{image, i + 1});
    phi_spawn_options options{};
    options.entry = fork_entry;
    options.arg = child.get();
    options.release = release_fork_child;
    options.name = "fork";
    options.copy_cells = 1;
    options.copy_context = 1;
    static_cast<void>(child.release());  // the kernel's now: it calls release_fork_child in every case
    phi_status status = phi_proc_start(proc, &options, &pids[i]);
    if (status != PHI_OK) {
      const char* why = phi_error_message(proc);
      message.len = std::min(std::strlen(why), message.cap);
      std::memcpy(message.data, why, message.len);
      for (lua_Integer k = 0; k < i; ++k) kill_and_reap(proc, pids[k]);
      return status;
    }
  }
  return PHI_OK;
}

int fork(lua_State* L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 1 && n <= PHI_FORK_MAX, 1, "from 1 to 1024 children");
  luaL_checktype(L, 2, LUA_TFUNCTION);
  int last = lua_gettop(L);
  Buffer call = Buffer::open(L);
  if (const char* why = pack_call(L, 2, last, call)) return luaL_error(L, "proc.fork: %s", why);
  lua_settop(L, call.slot);
  auto* pids = static_cast<phi_pid*>(lua_newuserdatauv(L, static_cast<size_t>(n) * sizeof(phi_pid), 0));
  Buffer message = Buffer::open(L);
  lua_createtable(L, static_cast<int>(n), 0);

  Vm& vm = vm_of(L);
  const phi_lua_options limits{vm.limit, vm.ticks_left * kHookInstructions};
  phi_status status = start_children(vm.proc, call.view(), limits, pids, n, message);
  if (status != PHI_OK) {
    message.close();
    return push_failure(L, status, lua_tostring(L, message.slot), "proc.fork");
  }
  for (lua_Integer i = 0; i < n; ++i) {
    lua_pushinteger(L, static_cast<lua_Integer>(pids[i]));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

// wait(pid or "any", {ms=})
// tells which.
int wait(lua_State* L) {
  lua_settop(L, 2);
  phi_arg args[2] = {{argument_text(L, 1, "pid")}, {nullptr}};
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    args[1].text = text_option(L, 2, "ms");
  }
  Vm& vm = vm_of(L);
  char small[kSmallResult];
  size_t len = 0;
  phi_status status =
      phi_syscall(vm.proc, PHI_SYS_proc_wait, args, 2, PHI_FOREVER, small, sizeof small, &len);
  if (status != PHI_OK) return push_failure(L, status, phi_error_message(vm.proc), "proc.wait");
  const char* words = len < sizeof small ? small : phi_result(vm.proc, &len);
  const char* value = words + std::strlen(words) + 1;
  const char* error = value < words + len ? value + std::strlen(value) + 1 : words + len;
  lua_pushinteger(L, std::strtoll(words, nullptr, 10));
  lua_pushstring(L, value < words + len ? value : "");
  if (error >= words + len) return 2;
  lua_pushstring(L, error);
  return 3;
}

int exit(lua_State* L) {
  lua_settop(L, 1);
  phi_proc_set_exit(vm_of(L).proc, exit_text(L, 1));
  end_state(L, Ended::kExit);
}

}  // namespace

void add_process_functions(lua_State* L) {
  static constexpr luaL_Reg kFunctions[] = {
      {"spawn", spawn}, {"fork", fork}, {"wait", wait}, {"exit", exit}, {nullptr, nullptr}};
  luaL_setfuncs(L, kFunctions, 0);
}

}  // namespace phios::lua
