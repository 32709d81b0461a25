// Kernels: the inner loops of a forward pass, in one variant for each instruction set, chosen once at start.
//
// Ownership: none; pure functions over the caller's arrays. Threads: any. Units: elements. No kernel reads or
// writes outside the rows that it is given, and what it computes for a row depends on that row alone: the
// order of every sum is fixed by the shape of the weights, never by the number of rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace phios {

inline constexpr size_t kLanes = 16;                     // outputs of a panel
inline constexpr size_t kGroupPanels = 4;                // panels of a group
inline constexpr size_t kGroup = kLanes * kGroupPanels;  // outputs of a group

constexpr size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

enum class PackedType : uint8_t { kF32, kF16, kBF16, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ4_K, kQ5_K, kQ6_K };
// Blocks of integers with scales (int8_product.h); the others are plain numbers.
constexpr bool in_blocks(PackedType type) { return type >= PackedType::kQ4_0; }

// A weight matrix [n_out][n_in] packed for the kernels. Plain numbers: groups of 64 outputs, in each, for
// every input, the outputs' weights side by side. The last group has as many panels of 16 as are needed;
// missing outputs are zero. Group g starts at element g × 64 × n_in. Blocks: as int8_product.h says.
struct PackedMatrix {
  PackedType type = PackedType::kF32;
  size_t n_in = 0;
  size_t n_out = 0;
  const void* data = nullptr;

  size_t groups() const { return (n_out + kGroup - 1) / kGroup; }
  size_t padded_out() const { return round_up(n_out, kLanes); }
  size_t panels(size_t group) const {
    const size_t left = padded_out() - group * kGroup;
    return (left < kGroup ? left : kGroup) / kLanes;
  }
};

// Rows of activations in, rows of outputs out. Output rows have room for padded_out() elements.
struct ProductRows {
  const float* x = nullptr;
  size_t x_stride = 0;
  float* y = nullptr;
  size_t y_stride = 0;
  size_t rows = 0;
  const float* bias = nullptr;  // padded_out() elements, or none
  bool add = false;             // y += instead of y =
};

struct Int8Kernels;

struct Kernels {
  std::string_view name;
  const Int8Kernels* int8 = nullptr;
  // Groups [first, last) of the product with a matrix of plain numbers.
  void (*product)(const PackedMatrix& w, size_t first, size_t last, const ProductRows& rows);
  // Turns the first n_rot of each head's elements by the angles in `turn` (see Rope::turn).
  void (*rope)(float* x, size_t heads, size_t head_dim, size_t n_rot, const float* turn, bool neox);
  // y = x / sqrt(mean(x²) + eps) × w
  void (*rms_norm)(const float* x, const float* w, float* y, size_t n, float eps);
  // gate = gate × sigmoid(gate) × up
  void (*swiglu)(float* gate, const float* up, size_t n);
  // gate = GELU(gate) × up, by its approximation with tanh (arXiv 1606.08415)
  void (*geglu)(float* gate, const float* up, size_t n);
  void (*to_f16)(const float* x, uint16_t* y, size_t n);
};

// Does memory come faster by the side of the caches than into the second one? Of lines that are used once, on
// this processor (docs/decisions/decode-alone.md).
bool fetches_past_caches();

// The best variant that this processor runs.
const Kernels& best_kernels();
// Every variant that this processor runs, best first.
std::span<const Kernels* const> supported_kernels();

extern const Kernels kKernelsAvx512;
extern const Kernels kKernelsAvx2;
extern const Kernels kKernelsPortable;

}  // namespace phios
