// What is linked into the binary: the standard programs and the embedded model.
//
// Lifetime: the whole run. Threads: constants.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "kernel/proc/program.h"

namespace phios {

std::vector<ProgramRegistry::Builtin> embedded_programs();
std::span<const std::byte> embedded_model();                      // phi-nano.gguf
std::string_view embedded_isa();                                  // isa.yaml, the rules that `eval isa` tests
std::string_view embedded_eval_questions(std::string_view name);  // "inside", "outside": JSON lines

}  // namespace phios
