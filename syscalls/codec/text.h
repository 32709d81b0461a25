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
inline constexpr std::string_view kMarkerOpen = "<|";  // how each of them begins; never stands in a frame

// The text between <|phi_sys|> and <|phi_end|>: syntax, arity and what a grammar can express of the types;
// bounds are check_call's. Optionals may stand in any order; they are printed in the table's.
Result<Call> parse_call(std::string_view frame);
// A call that only programs may make is printed under its C name, and parse_call refuses that.
std::string print_call(const Call& call);

// The text between <|phi_ret|> and <|phi_end|>: words, or "!ECODE message".
std::string print_reply(const Result<Reply>& reply);
Result<Result<Reply>> parse_reply(std::string_view text);

bool is_bare_word(std::string_view word);  // [A-Za-z0-9_./:+@-]+
// A bare word as it is, anything else as a JSON string with "<|" as "\u003c|". What a word must not hold
// (bytes that are no UTF-8, NUL) becomes U+FFFD.
std::string quote_word(std::string_view word);
std::string quote_string(std::string_view word);  // the same, always as a JSON string
bool is_utf8(std::string_view text);

// The same calls as tool-call JSON: {"name":"mem_read","arguments":{"cell":"n"}}; "arguments" may also be a
// string that holds the object, or be called "parameters". Numbers of any size are taken digit by digit.
Result<Call> parse_tool_json(std::string_view json);
std::string print_tool_json(const Call& call);

}  // namespace phios
