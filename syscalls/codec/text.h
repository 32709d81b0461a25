// The text face: frames as the model writes them, and results as the kernel answers them. parse(print(x)) ==
// x for every call and value.
//
// Threads: pure functions. Units: bytes; columns count from 1. Errors: EPARSE_ with the column, ETOOBIG_,
// ENOSYS_ (no such call).
#pragma once

#include <string>
#include <string_view>

#include "kernel/base/result.h"
#include "syscalls/codec/call.h"

namespace phios {

inline constexpr std::string_view kMarkerSys = "<|phi_sys|>";
inline constexpr std::string_view kMarkerEnd = "<|phi_end|>";
inline constexpr std::string_view kMarkerRet = "<|phi_ret|>";

// The text between <|phi_sys|> and <|phi_end|>.
Result<Call> parse_call(std::string_view frame);
std::string print_call(const Call& call);

// The text between <|phi_ret|> and <|phi_end|>: words, or "!ECODE message".
std::string print_reply(const Result<Reply>& reply);
Result<Result<Reply>> parse_reply(std::string_view text);

bool is_bare_word(std::string_view word);  // [A-Za-z0-9_./:+@-]+
std::string quote_word(
    std::string_view word);  // a bare word as it is, anything else as a JSON string with "<|" as "\u003c|"
bool is_utf8(std::string_view text);

// The same calls as tool-call JSON: {"name":"mem_read","arguments":{"cell":"n"}}.
Result<Call> parse_tool_json(std::string_view json);
std::string print_tool_json(const Call& call);

}  // namespace phios
