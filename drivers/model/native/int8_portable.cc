#include "drivers/model/native/simd_portable.h"
// The products come after the vectors that they are written over.
#include "drivers/model/native/int8_simd_portable.h"

#include "drivers/model/native/int8_product_impl.h"

namespace phios {

const Int8Kernels kInt8Portable = {"portable", int8_quantize, int8_product};

}  // namespace phios
