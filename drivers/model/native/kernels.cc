#include "drivers/model/native/kernels.h"

#include <array>

namespace phios {

namespace {

struct Supported {
  std::array<const Kernels*, 3> list{};
  size_t n = 0;
  Supported() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
      list[n++] = &kKernelsAvx512;
    // Every processor with AVX2 has F16C, which the compiler's builtin cannot ask for by name.
    if (avx2) list[n++] = &kKernelsAvx2;
#endif
    list[n++] = &kKernelsPortable;
  }
};

}  // namespace

std::span<const Kernels* const> supported_kernels() {
  static const Supported supported;
  return {supported.list.data(), supported.n};
}

const Kernels& best_kernels() { return *supported_kernels().front(); }

}  // namespace phios
