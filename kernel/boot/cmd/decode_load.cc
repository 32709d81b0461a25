#include "kernel/boot/cmd/decode_load.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"
#include "kernel/sched/batcher.h"

#include <fmt/core.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace phios {

namespace {

constexpr uint64_t kTokensEach = 64;

class Load final : private Decoder::Listener {
 public:
  Load(System& system, uint32_t sequences)
      : system_(system), budget_(std::make_shared<Budget>(nullptr, Pid{})), running_(sequences) {
    for (uint32_t i = 0; i < sequences; i++)
      decoders_.push_back(std::make_unique<Decoder>(system.kernel().decode(), budget_, Pid{i + 1}));
  }

  Status begin() {
    Kernel& kernel = system_.kernel();
    GrammarSpec spec;
    spec.rights = RightSet::all();
    for (size_t i = 0; i < decoders_.size(); i++) {
      Decoder& decoder = *decoders_[i];
      decoder.set_matcher(TRY(kernel.masks().matcher(spec)));
      decoder.context().append(kernel.decode().vocabulary.beginning(), Origin::kPrompt, {});
      decoder.context().append(
          kernel.decode().vocabulary.encode(fmt::format("Sentence: Number {} is small.\n", i)),
          Origin::kPrompt, {});
      prompt_.push_back(decoder.context().size());
    }
    for (const auto& decoder : decoders_) decoder->start(*this, Decoder::Mode::kPrefill);
    while (prefilled_.load() + failed_.load() < decoders_.size())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (failed_.load() > 0)
      return fail(ErrorCode::EIO_, "a prompt could not be computed: too little memory?");
    for (size_t i = 0; i < decoders_.size(); i++) decode(i);
    return {};
  }

  void end() {
    stopping_.store(true);
    while (running_.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

 private:
  void on_stop(Decoder& decoder, Decoder::Stop stop) override {
    if (stop == Decoder::Stop::kComputed) {
      prefilled_.fetch_add(1);
      return;
    }
    size_t i = 0;
    while (decoders_[i].get() != &decoder) i++;
    if (stop == Decoder::Stop::kError) failed_.fetch_add(1);
    if (stop == Decoder::Stop::kError || stopping_.load()) {
      running_.fetch_sub(1);
      return;
    }
    decode(i);
  }

  // From the prompt on, whose last token is computed again: its logits begin the round.
  void decode(size_t i) {
    Decoder& decoder = *decoders_[i];
    decoder.truncate(prompt_[i]);
    decoder.recompute_from(prompt_[i] - 1);
    decoder.matcher().restart();
    decoder.text().clear();
    decoder.start(*this, Decoder::Mode::kDecode, kTokensEach);
  }

  System& system_;
  std::shared_ptr<Budget> budget_;
  std::vector<std::unique_ptr<Decoder>> decoders_;
  std::vector<uint32_t> prompt_;
  std::atomic<uint32_t> running_, prefilled_{0}, failed_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace

Result<LoadFigures> run_decode_load(System& system, uint32_t sequences, double seconds) {
  constexpr auto kWarmUp = std::chrono::milliseconds(50);
  Load load(system, sequences);
  TRY(load.begin());
  std::this_thread::sleep_for(kWarmUp);
  Env& env = system.kernel().env();
  const BatcherStats before = system.batcher().stats();
  const Nanos began = env.now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const BatcherStats after = system.batcher().stats();
  const double took = static_cast<double>(env.now() - began) / 1e9;
  load.end();
  const double steps = static_cast<double>(after.sequences - before.sequences);
  const double passes = static_cast<double>(after.passes - before.passes);
  if (steps == 0) return fail(ErrorCode::EIO_, "nothing was decoded in that time");
  return LoadFigures{steps / took, steps / passes,
                     static_cast<double>(after.kernel_ns - before.kernel_ns) / steps,
                     static_cast<double>(after.model_ns - before.model_ns) / steps};
}

}  // namespace phios
