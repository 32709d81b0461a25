#include "drivers/model/native/simd_portable.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/kernels_impl.h"

namespace phios {

const Kernels kKernelsPortable = kernel_table("portable");

}  // namespace phios
