// Stands in for `phios solver-child`: tests run it as the child process of "smt2".
#include "drivers/solver/smt_child.h"

int main(int argc, char** argv) { return phios::solver_child_main(argc, argv); }
