/* shell.h: the interactive shell and script interpreter of phios, over phios.h alone.
 *
 * Ownership: everything is borrowed for the call. Threads: call it on the main thread of a program, not on a
 * fiber: it handles SIGINT and SIGTSTP while it runs and puts back what was there. Lifetime: returns at exit,
 * at the end of the script or of standard input; jobs that still run are killed. Result: the exit code, as
 * Unix: 0, 1 a command failed, 2 a syntax error or wrong use, 3 not taught, 127 no such command or file, 128
 * + n ended by a signal. Messages go to standard error with the script's file and line. */
#ifndef PHIOS_USERLAND_SHELL_H
#define PHIOS_USERLAND_SHELL_H

#include "syscalls/abi/phios.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct phi_shell_options {
  const char* command; /* the text of sh -c; NULL: none */
  const char* script;  /* a file; NULL: none. With neither, standard input: a person where it is a terminal */
  const char* const* args; /* $1…$n, the shell's private cells 1…n */
  size_t n_args;
  const char* history; /* a file that keeps lines between sessions; NULL: none */
} phi_shell_options;

int phi_shell_main(phi_kernel* kernel, phi_proc* proc, const phi_shell_options* options);

#ifdef __cplusplus
}
#endif

#endif
