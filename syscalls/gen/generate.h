// The files that are made from the table: each function returns one file's whole text. What they write is
// checked in, and a test compares it (phios_gen --check).
//
// Threads: pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "syscalls/codec/call.h"

namespace phios::gen {

std::string c_header();    // syscalls/abi/phios_calls.h
std::string lua_stubs();   // userland/lua/phi.d.lua
std::string dictionary();  // tests/fuzz/frame/dictionary.txt
std::string index_page();  // docs/syscalls/README.md
std::string call_page(const CallSpec& spec);

// A call with a plausible value for every argument that a page shows, and how the faces write it.
Call example_call(const CallSpec& spec);
std::string example_in_c(const Call& call);
std::string example_in_lua(const Call& call);
std::string example_result(const CallSpec& spec);  // as the text face answers

std::string c_parameters(const CallSpec& spec);
// "mem.read" of "mem_read".
std::string lua_name(const CallSpec& spec);
std::string lua_type(ArgType type);
// Replaces each `from` in the text.
std::string replaced(std::string text, std::string_view from, std::string_view to);

}  // namespace phios::gen
