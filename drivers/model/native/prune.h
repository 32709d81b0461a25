// Pruning: a model file with a part of its weights set to zero, or with whole layers left out.
//
// Ownership: the bytes returned are the caller's. Threads: pure. Units: `share` of a matrix's weights,
// tokens. Errors: EINVAL_ (options that do not fit the model), ENOSYS_ (a matrix of a type
// that cannot hold zeros: prune before quantizing), EPARSE_ (the model).
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/gguf.h"

namespace phios {

// What a calibration text does inside of a model (observe_text).
struct Calibration {
  // Of each matrix's inputs, over the tokens: √Σ x².
  std::map<std::string, std::vector<float>> input_norms;
  // Of each layer: 1 - the mean cosine between what enters it and what leaves it, its influence.
  std::vector<double> influence;
};
// `done`: told how many tokens have been computed, after each window.
Result<Calibration> calibrate(const Gguf& file, std::span<const Token> tokens,
                              const std::function<void(size_t tokens)>& done = {});

enum class PruneScope : uint8_t {
  kMatrix,     // the smallest of a matrix
  kRow,        // the smallest of each output's weights
  kTwoOfFour,  // two of every four neighbours (arXiv 2104.08378); `share` says nothing
};
// A weight's score is its magnitude (arXiv 1506.02626), or with a calibration that times its input's norm
// (Wanda, arXiv 2306.11695). Embeddings, output and vectors stay.
Result<std::vector<std::byte>> prune_weights(const Gguf& file, PruneScope scope, double share,
                                             const Calibration* calibration);

// The n layers of the least influence (ShortGPT, arXiv 2403.03853), in order.
std::vector<uint32_t> least_influential(const Calibration& calibration, uint32_t n);
// `layers`: in order, and not all of the model's.
Result<std::vector<std::byte>> drop_layers(const Gguf& file, std::span<const uint32_t> layers);

}  // namespace phios
