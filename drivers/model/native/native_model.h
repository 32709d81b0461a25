// The native model driver: decoders (see config.h) out of GGUF files, computed on this machine's processor.
//
// Ownership: the model owns its file's mapping, its weights and its worker threads; bytes given as a span are
// borrowed and outlive it. Threads, lifetime: as drivers/api/model.h. Errors: EIO_, EPARSE_ (the file; names
// the field), ENOSYS_ (a model that this engine has not), ELIMIT_ (memory).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "drivers/api/model.h"

namespace phios {

struct NativeOptions {
  unsigned threads = 0;                // workers, the calling thread included; 0: one for each core
  uint32_t max_pass_positions = 512;   // of one forward()
  uint32_t context_length = 0;         // longest context that is wanted; 0: as long as those of training
  std::string_view instruction_set{};  // "avx512", "avx2", "portable"; empty: the best that the processor has
};

inline constexpr uint32_t kPassPositionsMax = 8192;

Result<std::unique_ptr<Model>> open_native_model(const std::string& path, const NativeOptions& options = {});
// The same out of memory that outlives the model (the embedded one). `name` stands for the path in messages.
Result<std::unique_ptr<Model>> open_native_model(std::span<const std::byte> bytes, std::string name,
                                                 const NativeOptions& options = {});
// And out of memory that the model takes over (random weights).
Result<std::unique_ptr<Model>> open_native_model(std::vector<std::byte> bytes, std::string name,
                                                 const NativeOptions& options = {});

}  // namespace phios
