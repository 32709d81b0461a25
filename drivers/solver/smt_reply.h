// What the child of "smt2" writes to its standard output: one line, a word of the list below, then the
// detail.
//
// Threads: constants.
#pragma once

#include <cstddef>
#include <string_view>

namespace phios::smt {

inline constexpr std::string_view kSat = "sat";
inline constexpr std::string_view kUnsat = "unsat";
inline constexpr std::string_view kUnknown = "unknown";
inline constexpr std::string_view kParseError = "parse";  // the detail says line and column
inline constexpr std::string_view kOutOfMemory = "memory";
inline constexpr std::string_view kFailed = "failed";

inline constexpr std::string_view kMemoryFlag = "--memory=";
inline constexpr size_t kDetailMax = 32768;  // bytes; a longer one is cut, and ends in "…"

}  // namespace phios::smt
