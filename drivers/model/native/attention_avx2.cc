#include "drivers/model/native/simd_avx2.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/attention_impl.h"

namespace phios {

const AttentionKernels kAttentionAvx2 = {.name = "avx2", .attend = attend};

}  // namespace phios
