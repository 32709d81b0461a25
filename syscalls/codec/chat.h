// The table as chat models are told of it: JSON schemas for those with a tool-call template of their own, and
// an explanation in words for all others.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "syscalls/codec/call.h"
#include "syscalls/codec/rights.h"

namespace phios {

// A JSON array of function schemas, one for each call with a text form that the rights permit.
std::string tool_schemas(const RightSet& rights);
// How frames look, and each permitted call in one line.
std::string system_prompt(const RightSet& rights);
// "LIST prefix [limit=int] → words".
std::string call_usage(const CallSpec& spec);

std::string_view type_name(ArgType type);
std::string_view type_name(ResultType type);

}  // namespace phios
