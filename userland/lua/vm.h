// Vm: the Lua state of one process, its limits, and how it ends.
//
// Ownership: the Vm lives on its process's fiber; the lua_State and everything in it end with run(). Threads:
// one at a time, the fiber may migrate. Lua unwinds by longjmp: no function below raises while an object with
// a destructor is alive in it, so what they keep across Lua calls is plain data or memory of the Lua state.
// Units: bytes; virtual machine instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <lua.hpp>

#include "syscalls/abi/phios.h"
#include "userland/lua/lua_loader.h"

namespace phios::lua {

inline constexpr int kHookInstructions = 10'000;
inline constexpr uint64_t kYieldTicks =
    10;  // about a millisecond between yields of a script that makes no call
// Of a fiber's stack: beyond it calls that nest C frames are refused. Lua's own 200 levels of metamethods,
// which are not asked, take at most 60 KiB more.
inline constexpr ptrdiff_t kStackBudget = 48 << 10;
inline constexpr size_t kSmallResult = 512;  // results up to this size need no second look

// Why a state no longer runs: once set, every further instruction raises again until run() is reached.
enum class Ended : uint8_t { kNo, kExit, kInterrupted, kInstructions };

struct Vm {
  phi_proc* proc = nullptr;
  size_t used = 0, limit = 0;  // bytes
  uint64_t ticks_left = 0;     // of kHookInstructions each
  const char* stack_base = nullptr;
  Ended ended = Ended::kNo;
  phi_status status = PHI_OK;  // of the error that ends the process
};

inline Vm& vm_of(lua_State* L) { return **static_cast<Vm**>(lua_getextraspace(L)); }

// Runs `main` (a lua_CFunction that finds `task` as its light userdata argument and leaves the exit value) in
// a new state with the standard libraries and `phi`; sets the process's exit value. 0 or the status it ended
// with.
int run_state(phi_proc* proc, const phi_lua_options* options, lua_CFunction main, void* task);

// Ends the state from inside: raises, and goes on raising until run_state is reached.
[[noreturn]] void end_state(lua_State* L, Ended why);

// Raises where the fiber's stack is nearly used up; asked by every function that calls back into Lua.
void check_stack(lua_State* L);

// The value at `index` as the text of an exit value; tables as JSON. Raises for what has no text.
const char* exit_text(lua_State* L, int index);

}  // namespace phios::lua
