#include "drivers/model/native/simd_avx2.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/kernels_impl.h"

namespace phios {

const Kernels kKernelsAvx2 = {.name = "avx2",
                              .product = product,
                              .rope = rope,
                              .rms_norm = rms_norm,
                              .swiglu = swiglu,
                              .geglu = geglu,
                              .to_f16 = to_f16};

}  // namespace phios
