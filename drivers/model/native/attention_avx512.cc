#include "drivers/model/native/simd_avx512.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/attention_impl.h"

namespace phios {

const AttentionKernels kAttentionAvx512 = {.name = "avx512", .attend = attend};

}  // namespace phios
