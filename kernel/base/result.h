// Result<T>: a value or an Error, and TRY, which returns the error to the caller.
//
// Ownership: an Error owns its message. Threads: plain values. No function of phios throws across a module's
// border.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "syscalls/abi/limits.h"

namespace phios {

// The closed, numbered list of errors.def; 0 is never an error.
enum class ErrorCode : int {
#define PHI_ERROR(number, name, meaning, example) name = number,
#include "syscalls/abi/errors.def"
#undef PHI_ERROR
};

struct Error {
  ErrorCode code = ErrorCode::EINVAL_;
  std::string message;  // what happened, where, and what to do next; one line
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// "ENOENT", without the underscore that keeps the enumerators apart from <cerrno>'s macros.
constexpr std::string_view error_name(ErrorCode code) {
  switch (code) {
#define PHI_ERROR(number, name, meaning, example) \
  case ErrorCode::name:                           \
    return std::string_view(#name).substr(0, std::string_view(#name).size() - 1);
#include "syscalls/abi/errors.def"
#undef PHI_ERROR
  }
  return "EUNKNOWN";
}

}  // namespace phios

#define PHI_CONCAT_(a, b) a##b
#define PHI_CONCAT(a, b) PHI_CONCAT_(a, b)
#define PHI_TRY_(tmp, expr)                                           \
  __extension__({                                                     \
    auto tmp = (expr);                                                \
    if (!tmp) [[unlikely]]                                            \
      return std::unexpected<::phios::Error>(std::move(tmp).error()); \
    std::move(tmp).value();                                           \
  })
// Evaluates to the value of a Result, or returns its error from the enclosing function.
#define TRY(expr) PHI_TRY_(PHI_CONCAT(phi_try_, __COUNTER__), (expr))
