// FrameProbe: one context decoded until its first frame (or its end), which is kept and not dispatched.
//
// Ownership: borrows the System. Threads: start() by one; done() from any. Order: start once, then done()
// until true, then the result; again after each go_on().
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "kernel/boot/cmd/isa.h"
#include "kernel/boot/system.h"
#include "kernel/proc/decoder.h"

namespace phios {

class FrameProbe final : private Decoder::Listener {
 public:
  struct Options {
    uint64_t max_tokens = 256;  // where a frame of the instruction set is expected
    SamplerParams sampling = {};
    uint64_t seed = 0;
    bool operands_of_section = false;  // as a program's `operands: section`
    KvPolicyRef policy{};              // null: the kernel's
    bool goes_on = false;              // go_on() may follow: the context is kept
  };

  FrameProbe(System& system, std::shared_ptr<Budget> budget) : system_(system), budget_(std::move(budget)) {}
  Status start(const isa::Case& c, const Options& options);
  Status go_on(std::string_view reply);  // the frame is answered: to the next
  bool done() const { return done_.load(std::memory_order_acquire); }
  const std::string& frame() const { return frame_; }  // "": the text ended without one
  const std::string& error() const { return error_.message; }
  bool out_of_context() const { return error_.code == ErrorCode::ELIMIT_; }  // the model takes no more
  uint32_t context_size() const { return context_size_; }                    // tokens, when it stopped

  // A frame's tokens, markers included.
  static std::vector<Token> tokens_of(const Vocabulary& vocabulary, std::string_view frame);

 private:
  void on_stop(Decoder& decoder, Decoder::Stop stop) override;
  Status decode();

  System& system_;
  std::shared_ptr<Budget> budget_;
  std::unique_ptr<Decoder> decoder_;
  Options options_;
  std::string frame_;
  Error error_;
  uint32_t context_size_ = 0;
  std::atomic<bool> done_{false};
};

}  // namespace phios
