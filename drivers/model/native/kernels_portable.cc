#include "drivers/model/native/simd_portable.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/kernels_impl.h"

namespace phios {

const Kernels kKernelsPortable = {.name = "portable",
                                  .product = product,
                                  .rope = rope,
                                  .rms_norm = rms_norm,
                                  .swiglu = swiglu,
                                  .geglu = geglu,
                                  .to_f16 = to_f16};

}  // namespace phios
