// Machine: what decoders need, around one model.
//
// Ownership: owns the model, frames and threads. Threads: made and destroyed by the test's.
#pragma once

#include <memory>

#include "kernel/proc/decoder.h"
#include "kernel/proc/kernel.h"

namespace phios {

class Machine {
 public:
  explicit Machine(std::unique_ptr<Model> model)
      : model_(std::move(model)),
        vocabulary_(std::make_shared<const Vocabulary>(*model_)),
        frames_(std::move(*FramePool::create(model_->info().kv, 256))),
        runtime_(std::move(*Runtime::start(env_, trace_, {.reactors = 1}))) {}
  ~Machine() {
    batcher_.stop();
    runtime_->stop();
  }

  DecodeServices& services() { return services_; }
  Matcher matcher(const GrammarSpec& spec) { return *masks_.matcher(spec); }

 private:
  SystemEnv env_{1};
  Trace trace_{env_, 1};
  std::unique_ptr<Model> model_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  MaskTables masks_{vocabulary_};
  std::unique_ptr<FramePool> frames_;
  PrefixTree prefixes_{*frames_};
  Pager pager_{env_, *frames_, prefixes_, nullptr};
  std::unique_ptr<Runtime> runtime_;
  Batcher batcher_{env_, trace_, *model_};
  DecodeServices services_{
      env_, *runtime_, batcher_, *model_, *vocabulary_, *frames_, prefixes_, pager_, *find_kv_policy("full")};
};

}  // namespace phios
