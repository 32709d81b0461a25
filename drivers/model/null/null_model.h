// A model that computes nothing: for measuring the kernel alone. Its logits are a hash of sequence, position and token, so a run with a seed repeats.
//
// Ownership: the caller's. Threads: as drivers/api/model.h. The vocabulary is bytes and the markers, filled up to `n_vocab` with words of several bytes.
#pragma once

#include <memory>

#include "drivers/api/model.h"

namespace phios {

struct NullModelOptions {
  uint32_t n_vocab = 264;
  uint32_t context_length = 1 << 20;
  KvShape kv{1, 1, 8};  // small frames: the pages are real, their contents are not
};

Result<std::unique_ptr<Model>> make_null_model(const NullModelOptions& options);

}  // namespace phios
