#include "drivers/model/native/simd_avx2.h"
// The products come after the vectors that they are written over.
#include "drivers/model/native/int8_simd_avx2.h"

#include "drivers/model/native/int8_product_impl.h"

namespace phios {

const Int8Kernels kInt8Avx2 = {"avx2", int8_quantize, int8_product};

}  // namespace phios
