#include "drivers/model/native/kernels.h"

#include <array>

#include "drivers/model/native/int8_product.h"

namespace phios {

namespace {

// Floats and integers each in what this processor has: VNNI came later than AVX-512, and to AVX2 later still.
struct Supported {
  std::array<Kernels, 4> all;
  std::array<const Kernels*, 4> list{};
  size_t n = 0;

  void add(const Kernels& kernels, std::string_view name, const Int8Kernels& int8) {
    all[n] = kernels;
    all[n].name = name;
    all[n].int8 = &int8;
    list[n] = &all[n];
    ++n;
  }
  Supported() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avxvnni = avx2 && __builtin_cpu_supports("avxvnni");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
      add(kKernelsAvx512, "avx512", __builtin_cpu_supports("avx512vnni") ? kInt8Avx512Vnni : kInt8Avx2);
    // Every processor with AVX2 has F16C, which the compiler's builtin cannot ask for by name.
    if (avxvnni) add(kKernelsAvx2, "avxvnni", kInt8AvxVnni);
    if (avx2) add(kKernelsAvx2, "avx2", kInt8Avx2);
#endif
    add(kKernelsPortable, "portable", kInt8Portable);
  }
};

}  // namespace

bool fetches_past_caches() {
#if defined(__x86_64__)
  // A Zen 5: a Zen 4, which has no AVX-VNNI, and Intel's are slower so.
  static const bool past = __builtin_cpu_is("amd") && __builtin_cpu_supports("avxvnni");
  return past;
#else
  return false;
#endif
}

std::span<const Kernels* const> supported_kernels() {
  static const Supported supported;
  return {supported.list.data(), supported.n};
}

const Kernels& best_kernels() { return *supported_kernels().front(); }

}  // namespace phios
