#include "kernel/boot/cmd/frame_probe.h"

#include <utility>

#include "kernel/proc/kernel.h"
#include "syscalls/codec/operands.h"

namespace phios {

std::vector<Token> FrameProbe::tokens_of(const Vocabulary& vocabulary, std::string_view frame) {
  std::vector<Token> out = vocabulary.encode(frame);
  if (vocabulary.sys() >= 0) out.insert(out.begin(), vocabulary.sys());
  if (vocabulary.end() >= 0) out.push_back(vocabulary.end());
  return out;
}

Status FrameProbe::start(const isa::Case& c, const Options& options) {
  options_ = options;
  Kernel& kernel = system_.kernel();
  const Vocabulary& vocabulary = kernel.decode().vocabulary;
  decoder_ = std::make_unique<Decoder>(kernel.decode(), budget_, Pid{});
  if (options.policy) decoder_->set_policy(options.policy);
  GrammarSpec spec;
  spec.rights = RightSet::all();
  spec.labels = c.labels;
  spec.free_text = false;
  if (options.operands_of_section) {
    Operands& words = spec.operands.emplace();
    TRY(add_operands(c.section, words));
    if (c.section.empty() && !c.before.empty()) {  // the case goes on in the section before, after its answer
      TRY(add_operands(c.before.back().text, words));
      TRY(add_operands(c.before.back().reply, words));
    }
  }
  decoder_->set_matcher(TRY(kernel.masks().matcher(spec)));
  decoder_->sampler() = SamplerState(options.sampling, options.seed);
  Context& context = decoder_->context();
  context.append(vocabulary.opening(c.base, spec.rights), Origin::kPrompt, {});
  bool first = true;
  for (const isa::Before& before : c.before) {
    context.append(vocabulary.request(before.text, std::exchange(first, false)), Origin::kPrompt, {});
    context.append(tokens_of(vocabulary, before.frame), Origin::kModel, {});
    if (before.frame.starts_with("EXIT")) continue;  // which nothing answers
    context.append(vocabulary.result(before.reply), Origin::kResult, {});
  }
  if (!c.section.empty()) context.append(vocabulary.request(c.section, first), Origin::kPrompt, {});
  decoder_->reuse_prefix();
  return decode();
}

Status FrameProbe::go_on(std::string_view reply) {
  done_.store(false, std::memory_order_release);
  frame_.clear();
  decoder_->context().append(system_.kernel().decode().vocabulary.result(reply), Origin::kResult, {});
  decoder_->matcher().frame_answered();
  return decode();
}

Status FrameProbe::decode() {
  if (TRY(decoder_->append_forced()) == Matcher::Event::kFrame) {
    frame_ = decoder_->frame();
    context_size_ = decoder_->context().size();
    done_.store(true, std::memory_order_release);
    return {};
  }
  decoder_->start(*this, Decoder::Mode::kDecode, options_.max_tokens);
  return {};
}

void FrameProbe::on_stop(Decoder& decoder, Decoder::Stop stop) {
  context_size_ = decoder.context().size();
  if (stop == Decoder::Stop::kFrame) frame_ = decoder.frame();
  if (stop == Decoder::Stop::kError) error_ = decoder.error();
  if (stop == Decoder::Stop::kMaxTokens) error_ = {ErrorCode::ETOOBIG_, "no frame within the tokens given"};
  if (!options_.goes_on) decoder_.reset();  // the pages go now, the result stays
  done_.store(true, std::memory_order_release);
}

}  // namespace phios
