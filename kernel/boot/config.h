// Config: what a kernel is started with, from the command line, the environment and the defaults.
//
// Ownership: plain values. Threads: read-only once made. Units: bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

struct Config {
  std::string model;  // a file, or a name that open_model() knows; "" as "nano"
  std::string home;   // state
  std::vector<std::string> program_path;
  uint32_t reactors = 0;        // 0: cores
  uint32_t threads = 0;         // model workers; 0: cores
  uint32_t context_length = 0;  // longest that is wanted of the model; 0: as long as those of training
  uint64_t kv_bytes = 0;        // 0: by the model's shape
  static constexpr uint64_t kSwapByMemory = UINT64_MAX;
  uint64_t swap_bytes = kSwapByMemory;  // of the swap file; 0: none, pages are dropped and computed again
  std::string kv;     // the page policy of contexts that choose none: a name, or a library FILE.so
  uint64_t seed = 0;  // 0: from the system
  bool allow_uring = true;
};

// $PHIOS_HOME, else $XDG_DATA_HOME/phios, else ~/.local/share/phios. EINVAL_ when none of them is set.
Result<std::string> default_home();
// Makes the directory and its parents, 0700. EIO_.
Status make_home(const std::string& home);

}  // namespace phios
