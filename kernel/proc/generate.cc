#include "kernel/proc/generate.h"

#include <fmt/core.h>

#include "kernel/proc/kernel.h"

namespace phios {

void GenerateCall::start(const ProcessRef& process, Decoder& decoder, GenerateRequest request,
                         PendingRef pending) {
  std::shared_ptr<GenerateCall> call(
      new GenerateCall(process, decoder, std::move(request), std::move(pending)));
  call->self_ = call;
  call->begin();
}

void GenerateCall::begin() {
  decoder_.clear_interrupt();
  if (request_.mode != Decoder::Mode::kDecode) return step_.compute(request_.mode);
  GrammarSpec spec;
  spec.rights = process_->rights;
  spec.form = request_.form;
  spec.free_text = request_.form.empty();
  Result<Matcher> matcher = process_->kernel().masks().matcher(spec);
  if (!matcher) return finish(std::unexpected(matcher.error()));
  decoder_.set_matcher(std::move(*matcher));
  decoder_.sampler() = SamplerState(request_.params, request_.seed);
  decoder_.set_speculation(request_.speculate);
  decoder_.text().clear();
  decoder_.set_stop(request_.stop.empty() ? std::vector<std::string>{}
                                          : std::vector<std::string>{request_.stop});
  decoder_.reuse_prefix();
  decoder_.share_prefix_when_computed();
  step_.go(request_.max_tokens);
}

void GenerateCall::finish(Result<Reply> reply) {
  const std::shared_ptr<GenerateCall> self = std::move(self_);
  if (request_.truncate_to != UINT32_MAX) decoder_.truncate(request_.truncate_to);
  pending_->answer(std::move(reply));
}

void GenerateCall::on_section_end(Decoder::Stop stop) {
  if (stop == Decoder::Stop::kFrame) return finish(Reply{{decoder_.frame()}});
  if (stop != Decoder::Stop::kComputed) return finish(Reply{{decoder_.text()}});
  std::string numbers = "[";
  for (const float x : decoder_.numbers())
    numbers += fmt::format("{}{:.6g}", numbers.size() > 1 ? "," : "", x);
  finish(Reply{{numbers + "]"}});
}

void GenerateCall::on_no_return() { finish(Reply{{decoder_.text()}}); }

void GenerateCall::on_error(Error error) { finish(std::unexpected(std::move(error))); }

}  // namespace phios
