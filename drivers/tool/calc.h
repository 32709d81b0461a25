// calc: the value of an expression, exactly (docs/add-a-tool.md says what it reads).
//
// Threads: a pure function, of bounded work. Errors: EPARSE_ and EINVAL_ with the column (1 is the first
// byte), ETOOBIG_.
#pragma once

#include <string>
#include <string_view>

#include "kernel/base/result.h"

namespace phios::calc {

inline constexpr size_t kExpressionMax = 16384;  // bytes

// "9.11 < 9.9" → "true", "0.1 + 0.2" → "0.3", "1/3" → "1/3".
Result<std::string> calculate(std::string_view expression);

}  // namespace phios::calc
