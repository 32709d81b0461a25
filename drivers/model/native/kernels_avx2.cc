#include "drivers/model/native/simd_avx2.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/kernels_impl.h"

namespace phios {

const Kernels kKernelsAvx2 = kernel_table("avx2");

}  // namespace phios
