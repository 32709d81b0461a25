// Rows of ggml's tensor types to float and back.
//
// Ownership: none. Threads: pure functions. Units: elements; a row is a whole number of its type's blocks.
// Errors: none: the shapes were checked when the file was read.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "drivers/model/native/gguf.h"

namespace phios {

// bytes: elements / block_elements blocks of `type`, not necessarily aligned; out: as many floats.
void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out);

// values: a whole number of the type's blocks, all finite.
std::vector<std::byte> quantize(GgmlType type, std::span<const float> values);

// Row `row` of a matrix as floats; out.size() == tensor.shape[0].
void dequantize_row(const GgufTensor& tensor, uint64_t row, std::span<float> out);

}  // namespace phios
