// GenerateCall: one ctx_generate, ctx_score or ctx_embed of a native process: the same steps as a prompt
// program's, on the process's own context.
//
// Ownership: holds itself until it has answered. Threads: on reactors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/proc/pending_call.h"
#include "kernel/proc/step.h"

namespace phios {

struct GenerateRequest {
  Decoder::Mode mode = Decoder::Mode::kDecode;
  uint64_t max_tokens = 256;
  SamplerParams params;
  uint64_t seed = 0;
  std::vector<std::string> form;
  std::string stop;                   // ends the text when it is generated
  uint32_t speculate = 0;             // guesses of a pass
  bool return_traps = false;          // a frame is returned instead of being dispatched
  uint32_t truncate_to = UINT32_MAX;  // afterwards (score and embed leave the context as it was)
};

class GenerateCall final : public std::enable_shared_from_this<GenerateCall>, private Step::Owner {
 public:
  // The answer: the text that was generated outside frames (or the trapped frame), or a JSON list of numbers.
  static void start(const ProcessRef& process, Decoder& decoder, GenerateRequest request, PendingRef pending);

 private:
  GenerateCall(ProcessRef process, Decoder& decoder, GenerateRequest request, PendingRef pending)
      : process_(std::move(process)),
        decoder_(decoder),
        request_(std::move(request)),
        pending_(std::move(pending)),
        step_(process_, decoder, *this) {}
  void begin();
  void finish(Result<Reply> reply);
  void on_section_end(Decoder::Stop stop) override;
  void on_no_return() override;
  void on_error(Error error) override;
  bool return_traps() const override { return request_.return_traps; }

  ProcessRef process_;
  Decoder& decoder_;
  GenerateRequest request_;
  PendingRef pending_;
  Step step_;
  std::shared_ptr<GenerateCall> self_;  // until it has answered
};

}  // namespace phios
