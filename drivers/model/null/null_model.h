// The null model: phi-nano's vocabulary, and logits out of a small table instead of a computation, so that
// what a pass costs is what the kernel costs.
//
// Ownership, threads, lifetime: as drivers/api/model.h; it has no worker threads and reads no pages. The
// logits are a function of the token and its position alone. Errors: EINVAL_ for a vocabulary that is too
// small or too large.
#pragma once

#include <memory>

#include "drivers/api/model.h"

namespace phios {

struct NullOptions {
  uint32_t n_vocab = 264;
  uint32_t context_length = 1u << 16;
  uint32_t max_pass_positions = 512;
};

Result<std::unique_ptr<Model>> open_null_model(const NullOptions& options = {});

}  // namespace phios
