#include "drivers/model/native/attention_kernels.h"

namespace phios {

const AttentionKernels& attention_kernels(std::string_view name) {
#if defined(__x86_64__)
  static const bool pairs = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
  if (name == kAttentionAvx512.name && pairs) return kAttentionAvx512;
  if (name.starts_with("avx")) return kAttentionAvx2;  // with or without byte dot products
#endif
  return kAttentionPortable;
}

}  // namespace phios
