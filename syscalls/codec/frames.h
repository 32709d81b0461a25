// The legal frames of a process as a regular expression: table ∩ rights ∩ labels, and the forms of prompt
// programs.
//
// Threads: pure functions. Errors: EPARSE_ with the column of the form.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "syscalls/codec/call.h"
#include "syscalls/codec/regex.h"
#include "syscalls/codec/rights.h"

namespace phios {

// The rows that may be emitted at all: with a text form, permitted, and JUMP only where there are labels.
std::vector<const CallSpec*> emittable_calls(const RightSet& rights, bool has_labels);

// Any frame of those rows. Optionals stand in the table's order, integers have at most 18 digits; where the
// rights give scopes, the argument that they are about is one of them. `operands`, unless null, limits the
// arguments of calls that stay inside the kernel to these words; what goes to a driver the model composes.
RegexId frames_regex(RegexPool& pool, std::span<const CallSpec* const> rows, const RightSet& rights,
                     std::span<const std::string> labels, const std::set<std::string>* operands = nullptr);

// One frame of a form; see docs/formats/form.md.
Result<RegexId> parse_form(RegexPool& pool, std::string_view form, std::span<const std::string> labels);

}  // namespace phios
