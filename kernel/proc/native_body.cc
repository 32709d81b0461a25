#include "kernel/proc/native_body.h"

#include <fmt/core.h>

#include "kernel/proc/kernel.h"

namespace phios {

Decoder& OwnContext::get(Process& process) {
  if (!decoder_) {
    decoder_ = std::make_unique<Decoder>(process.kernel().decode(), process.budget, process.pid());
    decoder_->set_niceness(process.niceness);
    decoder_->context().append(process.kernel().decode().vocabulary.beginning(), Origin::kPrompt, {});
  }
  return *decoder_;
}

OwnContext* own_context(Process& process) {
  const std::shared_ptr<Body> body = process.body();
  if (auto* native = dynamic_cast<NativeBody*>(body.get())) return &native->context();
  if (auto* attached = dynamic_cast<AttachedBody*>(body.get())) return &attached->context();
  return nullptr;
}

void NativeBody::start() {
  process_.set_state(ProcessState::kReady);
  // The fiber holds the process: a body goes only after its fiber has ended.
  const ProcessRef process = process_.shared_from_this();
  const ImageRef image = image_;
  Status spawned = process->kernel().runtime().spawn(image->name, [process, image] {
    process->set_state(ProcessState::kRunning);
    const int code =
        process->told_to_end() ? static_cast<int>(ErrorCode::EINTR_) : image->native.run(*process);
    if (ImageRef next = process->take_next_image(); next && !process->told_to_end()) {
      Status started = process->kernel().table().start_image(process, std::move(next));
      if (!started) process->finish({static_cast<int>(started.error().code), started.error().message});
      return;
    }
    ExitStatus status{code, process->take_exit_value()};
    process->finish(std::move(status));
  });
  if (!spawned) process->finish({static_cast<int>(spawned.error().code), spawned.error().message});
}

void NativeBody::signalled(Signal signal) {
  if (signal == Signal::kStop || signal == Signal::kCont) return;  // takes effect at the next call
  if (Decoder* decoder = context_.peek()) decoder->interrupt();
}

}  // namespace phios
