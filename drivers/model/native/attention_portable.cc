#include "drivers/model/native/simd_portable.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/attention_impl.h"

namespace phios {

const AttentionKernels kAttentionPortable = {.name = "portable", .attend = attend};

}  // namespace phios
