/* lua_loader.h: Lua 5.4 programs (".lua") as processes of phios. Give the loader to phi_loader_register.
 *
 * Ownership: the loader holds no state; options of phi_lua_loader_with are borrowed until the kernel closes.
 * Threads: any; each process has a Lua state of its own that lives on the process's fiber.
 * Errors: a script that raises ends with the phi_status of what it raised (EINVAL for an error of its own,
 * EPARSE for a syntax error, ELIMIT for memory and instructions, EINTR when it was told to end), and its exit
 * value is the message with file, line and traceback. */
#ifndef PHIOS_USERLAND_LUA_LOADER_H
#define PHIOS_USERLAND_LUA_LOADER_H

#include "syscalls/abi/phios.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PHI_LUA_MEMORY_DEFAULT (64ULL << 20) /* bytes of one Lua state */
#define PHI_LUA_STEPS_DEFAULT (1ULL << 40)   /* virtual machine instructions of one process */

typedef struct phi_lua_options {
  uint64_t memory_bytes; /* 0: the default */
  uint64_t instructions; /* 0: the default; counted in steps of 10,000 */
} phi_lua_options;

phi_loader phi_lua_loader(void);
phi_loader phi_lua_loader_with(const phi_lua_options* options);

#ifdef __cplusplus
}
#endif

#endif
