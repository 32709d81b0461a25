#include "drivers/model/native/simd_avx512.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/kernels_impl.h"

namespace phios {

const Kernels kKernelsAvx512 = kernel_table("avx512");

}  // namespace phios
