/* phios.h: the C ABI of phios, a runtime in which every call of a language model is a process. Link with
 * libphios.
 *
 * Ownership: a phi_kernel owns everything; a phi_proc is borrowed and ends with its process. Strings are
 * NUL-terminated UTF-8 and copied on entry. Threads: every function from any thread and from any fiber; one
 * phi_proc is used by one thread or fiber at a time. A call that blocks parks the fiber when it is called on
 * one, else it blocks the thread. Units: deadlines are absolute, in nanoseconds of the monotonic clock
 * (phi_now); PHI_FOREVER never passes. Errors: 0 is success; else a positive phi_status of errors.def, and
 * phi_error_message tells what happened, where, and what to do next. The calls of the table stand in
 * phios_calls.h as typed functions over phi_syscall. */
#ifndef PHIOS_H
#define PHIOS_H

#include <stddef.h>
#include <stdint.h>

#include "syscalls/abi/limits.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PHI_ABI_VERSION 1
#define PHI_FOREVER INT64_MAX
#define PHI_UNSET INT64_MIN /* an optional integer that is not given */

typedef int32_t phi_status;
typedef uint64_t phi_pid;
typedef struct phi_kernel phi_kernel;
typedef struct phi_proc phi_proc;

enum {
  PHI_OK = 0,
#define PHI_ERROR(number, name, meaning, example) PHI_##name = number,
#include "syscalls/abi/errors.def"
#undef PHI_ERROR
};

enum {
#define PHI_SYSCALL(number, text, c_name, args, result, right, flags, meaning) PHI_SYS_##c_name = number,
#include "syscalls/abi/table.def"
#undef PHI_SYSCALL
};

/* ---- embedding
 * --------------------------------------------------------------------------------------------------------------
 */

typedef struct phi_config {
  const char* model; /* path of a GGUF; NULL or "nano" the embedded one; "null" a model that computes nothing;
                        "random" random weights of its shape */
  const char* home;  /* state: NULL is $PHIOS_HOME, else XDG */
  const char*
      program_path; /* directories of programs, ':' between; searched before the built-in ones; may be NULL */
  uint32_t reactors; /* 0: the number of cores */
  uint32_t threads;  /* model workers; 0: the number of cores */
  uint64_t kv_bytes; /* memory for KV frames; 0: chosen by the model's shape */
  uint64_t seed;     /* 0: from the system */
} phi_config;

uint32_t phi_abi_version(void);
int64_t phi_now(void);
phi_status phi_kernel_open(const phi_config* config, phi_kernel** out, char* message, size_t cap);
void phi_kernel_close(phi_kernel* kernel); /* kills what still runs, waits for it */

/* A process for the calling program itself: a child of init with every right, whose system calls are made by
 * whoever holds the handle. */
phi_status phi_proc_attach(phi_kernel* kernel, const char* name, phi_proc** out);
void phi_proc_detach(phi_proc* proc, const char* exit_value);

/* ---- system calls
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct phi_arg {
  const char* text; /* NULL: an optional argument that is not given */
} phi_arg;

/* Makes one call. Arguments stand in the order of the row, rest arguments last; integers in decimal. The
 * result is written into buf (NUL-terminated, cut at cap; *len is its whole length): the value, or for a
 * result of several words each word ended by a NUL. deadline matters to calls that block. */
phi_status phi_syscall(phi_proc* proc, uint32_t number, const phi_arg* args, size_t n_args,
                       int64_t deadline_ns, char* buf, size_t cap, size_t* len);
/* The whole result of the last call of this process, valid until its next call: for results longer than a
 * caller's buffer. */
const char* phi_result(const phi_proc* proc, size_t* len);
const char* phi_error_message(const phi_proc* proc);
const char* phi_error_name(phi_status status); /* "ENOENT" */
phi_pid phi_proc_pid(const phi_proc* proc);
phi_kernel* phi_proc_kernel(const phi_proc* proc);
/* EINTR_ once the process has been told to end: long-running native code asks now and then. */
phi_status phi_proc_check(phi_proc* proc);

/* ---- starting processes with more than SPAWN says
 * ----------------------------------------------------------------------------- */

typedef int (*phi_entry)(
    phi_proc* self, void* arg); /* runs on a fiber; 0 or a phi_status; phi_proc_set_exit gives the value */
void phi_proc_set_exit(phi_proc* proc, const char* value);

typedef struct phi_spawn_options {
  const char* program; /* a program's name or path; or NULL with entry */
  phi_entry entry;     /* native code; `release(arg)` is called once when the process is gone, if not NULL */
  void* arg;
  void (*release)(void* arg); /* … or when it could not be started */
  const char* name;           /* of a native process */
  const char* const* args;    /* the cells 1…n */
  size_t n_args;
  const char* const* rights; /* a subset of the parent's; NULL: all of them */
  size_t n_rights;
  const char* const* limits; /* "tokens=4096", "wall_ms=1000", …; NULL: what the parent has left */
  size_t n_limits;
  const char* stdin_from; /* NULL: the parent's; "fd:0", "cell:NAME", "file:PATH", "chan:NAME", "null" */
  const char* stdout_to;  /* likewise; "append:PATH" too */
  const char* form;       /* NULL */
  int32_t niceness;
  int32_t new_group;    /* 1: a group of its own (a job of the shell) */
  int32_t copy_cells;   /* 1: private cells are copied (fork); 2: the child uses the parent's own */
  int32_t copy_context; /* 1: the context is shared copy-on-write (fork) */
  const char* const*
      sampling; /* over a prompt program's own: "temperature=0.7", "seed=3", …; NULL: its own */
  size_t n_sampling;
} phi_spawn_options;

phi_status phi_proc_start(phi_proc* parent, const phi_spawn_options* options, phi_pid* out);

/* ---- program kinds, registered by userland as binfmt does
 * ------------------------------------------------------------------------ */

typedef struct phi_prompt phi_prompt; /* a prompt program under construction; given to phi_loader.prompt */
void phi_prompt_base(phi_prompt* prompt, const char* text);
void phi_prompt_section(
    phi_prompt* prompt, const char* label,
    const char* text); /* text: already trimmed and ended as docs/formats/prompt.md says */
/* Keys: "right", "form", "stop" (each may be repeated), "limit" ("tokens=…"), "temperature", "top_k",
 * "top_p", "min_p", "seed", "context" ("append", "fresh"), "free_text" ("yes", "no"), "out_of_frames"
 * ("wait", "fail"), "operands" ("section"), "kv" (a page policy). PHI_EINVAL_ for an unknown key or a bad
 * value. */
phi_status phi_prompt_option(phi_prompt* prompt, const char* key, const char* value);

typedef struct phi_loader {
  const char* kind;   /* "lua" */
  const char* suffix; /* ".lua" */
  void* self;
  /* Exactly one of the two. run: executes the program on a fiber of its own; returns like phi_entry. prompt:
   * reads it into `out`; message tells file and line. */
  int (*run)(void* self, phi_proc* proc, const char* path, const char* text, size_t len);
  phi_status (*prompt)(void* self, const char* path, const char* text, size_t len, phi_prompt* out,
                       char* message, size_t cap);
} phi_loader;

phi_status phi_loader_register(phi_kernel* kernel, const phi_loader* loader);

/* ---- the table, for bindings
 * ------------------------------------------------------------------------------------------------------ */

typedef struct phi_arg_info {
  const char* name;
  const char* type; /* "cell", "value", "int", … as in table.def */
  char kind;        /* '!' required, '?' optional key=value, '1' optional positional, '*' rest */
} phi_arg_info;

typedef struct phi_call_info {
  uint32_t number;
  const char* text;   /* "" when only programs may call it */
  const char* c_name; /* "mem_read" */
  const char* result; /* "none", "value", "words", "int", "json" */
  const char* right;
  const char* meaning;
  const phi_arg_info* args;
  size_t n_args;
  int32_t blocks;
} phi_call_info;

size_t phi_call_table(const phi_call_info** out);

/* Names for completion and `ls`: every program that can be run by name, each ended by a NUL. */
size_t phi_program_list(phi_kernel* kernel, char* buf, size_t cap);

/* Statistics of the whole kernel as JSON: see docs/formats/stats.md. */
size_t phi_kernel_stats(phi_kernel* kernel, char* buf, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
