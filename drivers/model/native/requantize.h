// A model file with its matrices made anew: in another type, or with other values.
//
// Ownership: the bytes returned are the caller's. Threads: pure functions. Errors: as told.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "drivers/model/native/gguf.h"

namespace phios {

// Is given each matrix with its values, which it may change, and says the type in which to write them; none:
// as it was.
using Remake = std::function<std::optional<GgmlType>(const GgufTensor&, std::span<float>)>;
std::vector<std::byte> remake_matrices(const Gguf& file, const Remake& remake);

// Matrices take the type where their rows are whole blocks of it; vectors stay. Errors: EINVAL_ where no
// matrix can.
Result<std::vector<std::byte>> requantize(const Gguf& file, GgmlType type);

}  // namespace phios
