#include "drivers/model/native/attention_kernels.h"

namespace phios {

const AttentionKernels& attention_kernels(std::string_view name) {
#if defined(__x86_64__)
  if (name == kAttentionAvx512.name) return kAttentionAvx512;
  if (name.starts_with("avx")) return kAttentionAvx2;  // with or without byte dot products
#endif
  return kAttentionPortable;
}

}  // namespace phios
