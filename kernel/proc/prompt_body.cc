#include "kernel/proc/prompt_body.h"

#include <fmt/core.h>

#include "kernel/proc/cell_space.h"
#include "kernel/proc/kernel.h"
#include "kernel/proc/placeholders.h"
#include "syscalls/codec/operands.h"

namespace phios {

namespace {
std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}
}  // namespace

Result<std::unique_ptr<PromptBody>> PromptBody::make(Process& process, ImageRef image) {
  std::unique_ptr<PromptBody> body(new PromptBody(process, std::move(image)));
  Kernel& kernel = process.kernel();
  body->decoder_ = std::make_unique<Decoder>(kernel.decode(), process.budget, process.pid());
  Decoder& decoder = *body->decoder_;
  decoder.set_matcher(TRY(body->make_matcher()));
  decoder.set_niceness(process.niceness);
  decoder.set_out_of_frames(body->program().out_of_frames);
  if (body->program().kv) decoder.set_policy(body->program().kv);
  decoder.set_stop(body->program().stop);
  decoder.set_speculation(body->program().speculate);
  const SamplingOptions& sampling = body->program().sampling;
  decoder.sampler() = SamplerState(sampling.params, sampling.has_seed ? sampling.seed : process.seed());
  Step::Owner& owner = *body;
  body->step_ = std::make_unique<Step>(process.shared_from_this(), decoder, owner);
  return body;
}

Result<Matcher> PromptBody::make_matcher() const {
  GrammarSpec spec;
  spec.rights = process_.rights;
  for (const PromptImage::Section& section : program().sections) spec.labels.push_back(section.label);
  spec.form = program().form;
  spec.free_text = program().free_text && spec.form.empty();
  if (program().operands_of_section) spec.operands = operands_;
  return process_.kernel().masks().matcher(spec);
}

void PromptBody::start() {
  if (forked_) return step_->on_outcome({Reply{{fork_answer_}}, false});
  Result<std::string> base = render(program().base);
  if (!base) return on_error(std::move(base).error());
  Context& context = decoder_->context();
  context.append(process_.kernel().decode().vocabulary.opening(*base, process_.rights), Origin::kPrompt,
                 "base");
  base_tokens_ = context.size();
  begin_section(0, false);
}

Result<std::string> PromptBody::render(std::string_view text) const {
  return fill_placeholders(text, [this](std::string_view name) { return read_cell(process_, name); });
}

void PromptBody::begin_section(size_t index, bool from_base) {
  section_ = index;
  if (from_base) decoder_->truncate(base_tokens_);
  decoder_->text().clear();
  decoder_->matcher().restart();
  Result<std::string> text = render(program().sections[index].text);
  if (!text) return on_error(std::move(text).error());
  // An empty section is a place to stop at; only a program that is all base decodes from nothing further.
  if (text->empty() && program().sections.size() > 1) return on_section_end(Decoder::Stop::kSection);
  operands_.clear();
  if (Status offered = offer_operands(*text); !offered) return on_error(std::move(offered).error());
  Context& context = decoder_->context();
  const bool first = context.size() == base_tokens_;
  context.append(process_.kernel().decode().vocabulary.request(*text, first), Origin::kPrompt,
                 program().sections[index].label);
  decoder_->reuse_prefix();
  decoder_->share_prefix_when_computed();
  step_->go();
}

// The section's words may be operands from now on, beside those offered before.
Status PromptBody::offer_operands(std::string_view text) {
  if (!program().operands_of_section) return {};
  TRY(add_operands(text, operands_));
  decoder_->set_matcher(TRY(make_matcher()));
  return {};
}

Status PromptBody::set_jump(std::string_view label) {
  jump_to_ = program().find_section(label);
  if (jump_to_ < 0)
    return fail(ErrorCode::ENOENT_,
                fmt::format("JUMP {}: the program {} has no such label", label, process_.name));
  return {};
}

void PromptBody::set_exit(std::string value) {
  exits_ = true;
  exit_value_ = std::move(value);
}

void PromptBody::fork_into(Process& child, std::string answer) const {
  std::shared_ptr<PromptBody> body(new PromptBody(child, image_));
  body->decoder_ = decoder_->fork(child.budget, child.pid(), child.seed());
  Step::Owner& owner = *body;
  body->step_ = std::make_unique<Step>(child.shared_from_this(), *body->decoder_, owner);
  body->section_ = section_;
  body->base_tokens_ = base_tokens_;
  body->operands_ = operands_;
  body->forked_ = true;
  body->fork_answer_ = std::move(answer);
  child.set_body(std::move(body));
}

void PromptBody::on_section_end(Decoder::Stop) {
  if (section_ + 1 < program().sections.size()) return begin_section(section_ + 1, program().fresh_context);
  decoder_->truncate(decoder_->context().computed());  // what waits will never be computed
  process_.finish({0, trimmed(decoder_->text())});
}

void PromptBody::on_no_return() {
  if (exits_) {
    decoder_->truncate(decoder_->context().computed());
    return process_.finish({0, exit_value_});
  }
  if (ImageRef next = process_.take_next_image()) {
    decoder_->truncate(decoder_->context().computed());
    process_.add_token_counts(decoder_->context().counts());
    const ProcessRef keep = process_.shared_from_this();
    Status started = process_.kernel().table().start_image(keep, std::move(next));  // this body is gone
    if (!started) keep->finish({static_cast<int>(started.error().code), started.error().message});
    return;
  }
  if (loaded_) {
    decoder_->replace_context(loaded_->context);
    if (loaded_->matcher) decoder_->set_matcher(*loaded_->matcher);
    loaded_.reset();
    return step_->on_outcome({Reply{}, false});
  }
  begin_section(static_cast<size_t>(std::exchange(jump_to_, -1)), true);
}

void PromptBody::on_error(Error error) {
  decoder_->truncate(decoder_->context().computed());
  process_.finish({static_cast<int>(error.code), std::move(error.message)});
}

}  // namespace phios
