#include "kernel/boot/cmd/frame_probe.h"

#include <utility>

#include "syscalls/codec/operands.h"

namespace phios {

namespace {
void append_frame(const Vocabulary& vocabulary, Context& context, std::string_view text) {
  if (vocabulary.sys() >= 0) context.append(vocabulary.sys(), Origin::kModel);
  context.append(vocabulary.encode(text), Origin::kModel, {});
  if (vocabulary.end() >= 0) context.append(vocabulary.end(), Origin::kModel);
}
}  // namespace

Status FrameProbe::start(const isa::Case& c, const Options& options) {
  Kernel& kernel = system_.kernel();
  const Vocabulary& vocabulary = kernel.decode().vocabulary;
  decoder_ = std::make_unique<Decoder>(kernel.decode(), budget_, Pid{});
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
    append_frame(vocabulary, context, before.frame);
    context.append(vocabulary.result(before.reply), Origin::kResult, {});
  }
  if (!c.section.empty()) context.append(vocabulary.request(c.section, first), Origin::kPrompt, {});
  decoder_->reuse_prefix();
  if (TRY(decoder_->append_forced()) == Matcher::Event::kFrame) {
    frame_ = decoder_->frame();
    done_.store(true, std::memory_order_release);
    return {};
  }
  decoder_->start(*this, Decoder::Mode::kDecode, options.max_tokens);
  return {};
}

void FrameProbe::on_stop(Decoder& decoder, Decoder::Stop stop) {
  if (stop == Decoder::Stop::kFrame) frame_ = decoder.frame();
  if (stop == Decoder::Stop::kError) error_ = decoder.error();
  if (stop == Decoder::Stop::kMaxTokens) error_ = {ErrorCode::ETOOBIG_, "no frame within the tokens given"};
  decoder_.reset();  // the pages go now, the result stays
  done_.store(true, std::memory_order_release);
}

}  // namespace phios
