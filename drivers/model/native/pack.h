// Weight matrices out of a file's tensors into the layouts that the kernels read.
//
// Ownership: writes into the caller's memory. Threads: pure functions. Units: elements, bytes. Errors: none:
// the shapes were checked when the file was read.
#pragma once

#include <cstddef>

#include "drivers/model/native/gguf.h"
#include "drivers/model/native/kernels.h"

namespace phios {

PackedType packed_type(GgmlType type);
// Of a matrix [shape[1]][shape[0]].
size_t packed_bytes(const GgufTensor& tensor);
// out: packed_bytes() bytes of zeros, 64-byte aligned.
PackedMatrix pack_matrix(const GgufTensor& tensor, void* out);

}  // namespace phios
