#include "userland/lua/vm.h"

#include <cstdio>
#include <cstdlib>

#include "userland/lua/binding.h"
#include "userland/lua/buffer.h"
#include "userland/lua/json.h"
#include "userland/lua/sandbox.h"

namespace phios::lua {
namespace {

void* allocate(void* self, void* block, size_t old_size, size_t new_size) {
  Vm& vm = *static_cast<Vm*>(self);
  if (!block) old_size = 0;  // it then tells the kind of object
  if (new_size == 0) {
    std::free(block);
    vm.used -= old_size;
    return nullptr;
  }
  if (new_size > old_size && new_size - old_size > vm.limit - vm.used) return nullptr;
  void* moved = std::realloc(block, new_size);
  if (moved) vm.used = vm.used - old_size + new_size;
  return moved;
}

[[noreturn]] void raise_ended(lua_State* L) {
  lua_pushliteral(L, "the process has ended");
  lua_error(L);
  std::abort();  // lua_error never returns
}

void hook(lua_State* L, lua_Debug*) {
  Vm& vm = vm_of(L);
  if (vm.ended != Ended::kNo) raise_ended(L);
  if (vm.ticks_left == 0) {
    vm.status = PHI_ELIMIT_;
    end_state(L, Ended::kInstructions);
  }
  if (--vm.ticks_left % kYieldTicks == 0) {
    // Others on this core go on, and a stopped process stops here.
    char none[1];
    size_t len = 0;
    phi_syscall(vm.proc, PHI_SYS_proc_yield, nullptr, 0, PHI_FOREVER, none, sizeof none, &len);
  }
  if (phi_proc_check(vm.proc) != PHI_OK) end_state(L, Ended::kInterrupted);
}

// "file:line: " of the innermost Lua function, or "".
void push_place(lua_State* L) {
  lua_Debug frame;
  for (int level = 1; lua_getstack(L, level, &frame); ++level) {
    lua_getinfo(L, "Sl", &frame);
    if (frame.currentline > 0) {
      lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
      return;
    }
  }
  lua_pushliteral(L, "");
}

// The message handler: what was raised, as text with file, line and traceback.
int describe(lua_State* L) {
  Vm& vm = vm_of(L);
  if (vm.ended == Ended::kExit) return 1;
  if (vm.ended == Ended::kInterrupted) {
    push_place(L);
    lua_pushliteral(L, "ended by a signal or a limit");
    lua_concat(L, 2);
    return 1;
  }
  if (vm.ended == Ended::kInstructions) {
    push_place(L);
    lua_pushliteral(L, "the script used up its instructions");
    lua_concat(L, 2);
  } else if (phi_status status = error_status(L, 1); status != PHI_OK) {
    vm.status = status;
    push_place(L);
    luaL_tolstring(L, 1, nullptr);
    lua_concat(L, 2);
  } else {
    if (vm.status == PHI_OK) vm.status = PHI_EINVAL_;
    luaL_tolstring(L, 1, nullptr);
  }
  luaL_traceback(L, L, lua_tostring(L, -1), 1);
  return 1;
}

struct Start {
  lua_CFunction main;
  void* task;
};

int protected_start(lua_State* L) {
  auto* start = static_cast<Start*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  open_libraries(L);
  open_binding(L);
  lua_sethook(L, hook, LUA_MASKCOUNT, kHookInstructions);
  lua_pushcfunction(L, start->main);
  lua_pushlightuserdata(L, start->task);
  lua_call(L, 1, 1);
  if (lua_isnil(L, -1)) return 0;
  phi_proc_set_exit(vm_of(L).proc, exit_text(L, lua_gettop(L)));
  return 0;
}

phi_status finish(lua_State* L, Vm& vm, int outcome) {
  if (vm.ended == Ended::kExit) return PHI_OK;
  if (outcome == LUA_OK) return PHI_OK;
  if (outcome == LUA_ERRMEM) {
    char message[128];
    std::snprintf(message, sizeof message, "the script needs more than its limit of %zu bytes of memory",
                  vm.limit);
    phi_proc_set_exit(vm.proc, message);
    return PHI_ELIMIT_;
  }
  const char* message = lua_tostring(L, -1);
  phi_proc_set_exit(vm.proc, message ? message : "an error that has no text");
  if (vm.ended == Ended::kInterrupted) return PHI_EINTR_;
  return vm.status == PHI_OK ? static_cast<phi_status>(PHI_EINVAL_) : vm.status;
}

}  // namespace

void end_state(lua_State* L, Ended why) {
  vm_of(L).ended = why;
  // Every thread that may go on has to raise at its next instruction: pcall must not bring the script back.
  lua_sethook(L, hook, LUA_MASKCOUNT, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  if (lua_State* main = lua_tothread(L, -1)) lua_sethook(main, hook, LUA_MASKCOUNT, 1);
  raise_ended(L);
}

void check_stack(lua_State* L) {
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  if (vm_of(L).stack_base - here > kStackBudget) luaL_error(L, "stack overflow: calls are nested too deeply");
}

const char* exit_text(lua_State* L, int index) {
  index = lua_absindex(L, index);
  switch (lua_type(L, index)) {
    case LUA_TNIL:
      return "";
    case LUA_TSTRING:
    case LUA_TNUMBER:
    case LUA_TBOOLEAN:
      return luaL_tolstring(L, index, nullptr);
    default: {
      Buffer out = Buffer::open(L);
      if (JsonError error = json_encode(L, index, out); error.reason)
        luaL_error(L, "an exit value: %s", error.reason);
      out.close();
      lua_settop(L, out.slot);
      return lua_tostring(L, out.slot);
    }
  }
}

int run_state(phi_proc* proc, const phi_lua_options* options, lua_CFunction main, void* task) {
  Vm vm;
  vm.proc = proc;
  vm.limit = options && options->memory_bytes ? options->memory_bytes : PHI_LUA_MEMORY_DEFAULT;
  vm.ticks_left =
      (options && options->instructions ? options->instructions : PHI_LUA_STEPS_DEFAULT) / kHookInstructions +
      1;
  vm.stack_base = static_cast<const char*>(__builtin_frame_address(0));
  lua_State* L = lua_newstate(allocate, &vm);
  if (!L) {
    phi_proc_set_exit(proc, "no memory for a Lua state");
    return PHI_ELIMIT_;
  }
  *static_cast<Vm**>(lua_getextraspace(L)) = &vm;
  Start start{main, task};
  lua_pushcfunction(L, describe);
  lua_pushcfunction(L, protected_start);
  lua_pushlightuserdata(L, &start);
  phi_status status = finish(L, vm, lua_pcall(L, 1, 0, 1));
  lua_sethook(L, nullptr, 0, 0);
  lua_close(L);
  return status;
}

}  // namespace phios::lua
