// Calibration of a model's own rotations (mm/kv_view.h), after OSCAR (arXiv 2605.17757): for every KV head
// the matrices with which keys and values lose least where they matter, found from second moments over a
// text. Moments are summed up by OpenBLAS, eigenvectors are LAPACK's.
//
// Ownership: what is returned is the caller's. Threads: pure functions. Units: tokens; a moment is
// [dim][dim], a head is a row. Errors: EINVAL_ (too short a text), EPARSE_ (the model, or numbers in it that
// are not finite).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/gguf.h"

namespace phios {

inline constexpr uint32_t kCalibrationTokensMin = 256;

// Takes the model over the tokens (observe_text), of which a few thousand are enough. In each window, behind
// the first pages, which stay in f16, these moments are taken: of keys, turned by RoPE,
// less the mean of their page, since a channel of a page has a zero of its own; of the queries of all heads
// that read them; of values, each times its share of attention; and what of a value reaches the residual:
// W_oᵀ W_o. `done`: told how many tokens have been computed, after each window.
Result<KvRotations> calibrate_rotations(const Gguf& file, std::span<const Token> tokens,
                                        const std::function<void(size_t tokens)>& done = {});

// moment += rowsᵀ × rows, n rows of dim numbers at a stride.
void add_moment(const float* rows, size_t n, size_t stride, size_t dim, std::span<float> moment);

// Matrices with coded × readingᵀ = 1, for which the expected error of x · y is least when x × coded is
// rounded and y × reading reads it. By the first both moments become one and the same diagonal matrix;
// Walsh-Hadamard behind it makes the channels of a block even.
struct RotationPair {
  std::vector<float> coded, reading;
};
Result<RotationPair> balance(std::span<const float> coded, std::span<const float> reading, size_t dim);

}  // namespace phios
