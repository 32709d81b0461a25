// The child process of "smt2": reads an SMT-LIB 2 program from standard input, gives it to Z3, and writes the
// answer in the form that smt_reply.h describes.
//
// Threads: the only thing its process does.
#pragma once

#include <cstddef>

namespace phios {

// Returns the process's exit code. `memory_bytes` bounds its address space; 0 leaves it alone.
int solver_child_main(size_t memory_bytes);

// The same, its argument as the driver passes it: "--memory=BYTES".
int solver_child_main(int argc, char** argv);

}  // namespace phios
