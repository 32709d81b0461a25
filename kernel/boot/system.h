// System: the composition root. Opens the model and every driver, starts the runtime, makes init, and takes
// it all down in the opposite order.
//
// Ownership: owns every part of one kernel. Threads: open and the destructor by one; the parts say for
// themselves. Errors: what cannot be had names the part, the file and what to do.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/base/env.h"
#include "kernel/boot/config.h"
#include "syscalls/abi/phios.h"

namespace phios {

class Batcher;
class Kernel;
class Model;
class SwapIo;

class System {
 public:
  static constexpr Nanos kShutDownTime = 5 * kSecond;

  // What stands between the pager and the disk, where something is to: a test's failing disk.
  using SwapFilter = std::function<std::unique_ptr<SwapIo>(SwapIo& disk)>;

  static Result<std::unique_ptr<System>> open(const Config& config, const SwapFilter& swap_filter = {});
  ~System();
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  Kernel& kernel();
  Model& model();
  Batcher& batcher();
  const Config& config() const;
  Status add_loader(const phi_loader& loader);
  std::string stats_json();

 private:
  System();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The model that a name stands for, without a kernel around it: "" and nano (embedded), null, null:N (of N
// tokens), random, shuffled (nano's weights in another order), induction, or the path of a GGUF.
// `context_length` as Config has it.
Result<std::unique_ptr<Model>> open_model(const std::string& name, uint32_t threads,
                                          uint32_t context_length = 0);

}  // namespace phios
