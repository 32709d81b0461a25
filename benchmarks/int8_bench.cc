// How fast are the integer products, by type and number of rows? One thread, a matrix of 1024 inputs × 4096
// outputs; GOP/s counts two for a multiply and an add, GB/s the matrix once.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "drivers/model/native/int8_product.h"
#include "drivers/model/native/pack.h"

namespace phios {
namespace {

constexpr size_t kIn = 1024, kOut = 4096;
constexpr size_t kStride =
    kIn / kBlockInputs + 1;     // blocks, as a pass has them: an odd number of cache lines
constexpr size_t kCopies = 32;  // taken in turn: no cache holds them all

struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
std::unique_ptr<T[], Free> aligned(size_t n) {
  const size_t bytes = round_up(n * sizeof(T), 64);
  auto* p = static_cast<T*>(std::aligned_alloc(64, bytes));
  std::memset(p, 1, bytes);
  return std::unique_ptr<T[], Free>(p);
}

void BM_Product(benchmark::State& state, const Int8Kernels* kernels, PackedType type) {
  const auto rows = static_cast<size_t>(state.range(0));
  const size_t bytes = kOut / kGroup * block_format(type).group_bytes(kIn);
  const auto weights = aligned<std::byte>(kCopies * bytes);
  const auto x = aligned<ActivationBlock>(rows * kStride);
  const std::vector<float> in(kIn, 0.5f);
  for (size_t r = 0; r < rows; ++r) kernels->quantize(in.data(), kIn, x.get() + r * kStride);
  const auto y = aligned<float>(rows * kOut);
  const auto scratch = aligned<std::byte>(kInt8Scratch);
  constexpr size_t kTileRows = 48;  // as a pass does
  size_t copy = 0;
  for ([[maybe_unused]] auto _ : state) {
    const PackedMatrix w{type, kIn, kOut, weights.get() + copy++ % kCopies * bytes};
    for (size_t row = 0; row < rows; row += kTileRows)
      for (size_t g = 0; g < w.groups(); ++g)
        kernels->product(w, g, g + 1,
                         {.x = x.get() + row * kStride,
                          .x_stride = kStride,
                          .y = y.get() + row * kOut,
                          .y_stride = kOut,
                          .rows = std::min(kTileRows, rows - row),
                          .ahead = bytes / w.groups(),
                          .past_caches = fetches_past_caches(),
                          .scratch = scratch.get()});
    benchmark::DoNotOptimize(y.get()[0]);
  }
  const auto done = static_cast<double>(state.iterations());
  state.counters["GOP/s"] =
      benchmark::Counter(done * 2e-9 * static_cast<double>(rows * kIn * kOut), benchmark::Counter::kIsRate);
  state.counters["GB/s"] =
      benchmark::Counter(done * 1e-9 * static_cast<double>(bytes), benchmark::Counter::kIsRate);
}

const bool kRegistered = [] {
  const std::pair<const char*, PackedType> types[] = {
      {"Q4_0", PackedType::kQ4_0}, {"Q8_0", PackedType::kQ8_0}, {"Q5_0", PackedType::kQ5_0},
      {"Q4_K", PackedType::kQ4_K}, {"Q5_K", PackedType::kQ5_K}, {"Q6_K", PackedType::kQ6_K}};
  for (const Kernels* k : supported_kernels())
    for (const auto& [name, type] : types)
      for (const int64_t rows : {1, 2, 4, 8, 16, 32, 512})
        benchmark::RegisterBenchmark((std::string(k->int8->name) + "/" + name).c_str(), BM_Product, k->int8,
                                     type)
            ->Arg(rows)
            ->Unit(benchmark::kMicrosecond);
  return true;
}();

}  // namespace
}  // namespace phios
