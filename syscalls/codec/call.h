// A decoded system call, and the table as data: the one place where table.def is expanded for C++.
//
// Ownership: plain values. Threads: the table is constant.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

enum class ArgType : uint8_t { kCell, kValue, kText, kName, kLabel, kPid, kInt, kBigInt, kBool };
enum class ArgKind : uint8_t { kRequired, kOptionalPositional, kOptionalKey, kRest };
enum class ResultType : uint8_t { kNone, kValue, kWords, kInt, kJson };

struct ArgSpec {
  std::string_view name;
  ArgType type;
  ArgKind kind;
};

struct CallSpec {
  uint16_t number;
  std::string_view text;    // "READ"; empty when only programs may call it
  std::string_view c_name;  // "mem_read"
  std::span<const ArgSpec> args;
  ResultType result;
  std::string_view right;  // "mem:read:%1", or empty
  bool blocks, durable_blocks, no_return;
  std::string_view meaning;
};

std::span<const CallSpec> call_table();  // in the order of numbers
const CallSpec* find_call(uint16_t number);
const CallSpec* find_call_by_text(std::string_view text);    // "READ"
const CallSpec* find_call_by_name(std::string_view c_name);  // "mem_read"

// The numbers by name: Sys::mem_read.
enum class Sys : uint16_t {
#define PHI_SYSCALL(number, text, c_name, args, result, right, flags, meaning) c_name = number,
#include "syscalls/abi/table.def"
#undef PHI_SYSCALL
};

// A call with its arguments as text, one slot for each ArgSpec of its row but the rest but the rest (absent
// optionals are nullopt), and the rest arguments behind them. Arguments are checked for form (check_call),
// not for meaning.
struct Call {
  const CallSpec* spec = nullptr;
  std::vector<std::optional<std::string>> args;
  std::vector<std::string> rest;

  Sys number() const { return static_cast<Sys>(spec->number); }
  const std::string& arg(size_t i) const { return *args[i]; }
  bool has(size_t i) const { return args[i].has_value(); }
  bool operator==(const Call&) const = default;
};

// Everything that can be said of a call without looking at the machine: arity, UTF-8 without NUL, bounds,
// integers, labels, cell names. EINVAL_/ETOOBIG_ with the argument's name. parse_call does the part of it
// that a grammar can express; what dispatches a call does all of it, since calls also come from C.
Status check_call(const Call& call);
// The part that a grammar can express: int, bigint, pid, label and bool have the letters of their type.
Status check_arg_form(const ArgSpec& arg, std::string_view text);
bool is_label(std::string_view text);  // [A-Za-z0-9_-], 1 to PHI_LABEL_MAX
std::optional<int64_t> parse_int(std::string_view text);

// What a handler answers: zero or more words. One word is the common case.
struct Reply {
  std::vector<std::string> words;
  bool operator==(const Reply&) const = default;
};

}  // namespace phios
