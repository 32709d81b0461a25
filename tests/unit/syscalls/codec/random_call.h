// Random calls of every row, for property tests: words that are bare, quoted, escaped, nearly a marker, or
// Unicode.
#pragma once

#include <random>
#include <string>

#include "syscalls/codec/call.h"

namespace phios::testing {

using Random = std::mt19937_64;

std::string random_text(Random& random, size_t most);
// A call that check_call passes, made of a row with a text form.
Call random_call(Random& random);

}  // namespace phios::testing
