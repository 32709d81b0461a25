// PromptBody: a prompt program being run: sections, cells substituted when control gets there, JUMP,
// fall-through, FORK. A state machine without a stack.
//
// Ownership: the process. Threads: on reactors, one thing at a time; signalled() from any.
// This is the stored-instruction computer of Schuurmans, "Memory Augmented Large Language Models are
// Computationally Universal", arXiv 2301.04589: the model is the processor, the sections are the
// instructions, the cells are the tape.
#pragma once

#include <memory>
#include <string>

#include "kernel/proc/process.h"
#include "kernel/proc/step.h"

namespace phios {

class PromptBody final : public Body, private Step::Owner {
 public:
  // Compiles the grammar of rights ∩ labels or form. Errors: what Grammar::compile says.
  static Result<std::unique_ptr<PromptBody>> make(Process& process, ImageRef image);

  void start() override;
  void signalled(Signal signal) override { step_->signalled(signal); }
  Decoder* decoder() override { return decoder_.get(); }
  bool is_model() const override { return true; }

  // JUMP: control goes on at a label once the call has left (OutcomeDone with no_return). ENOENT_: no such
  // label.
  Status set_jump(std::string_view label);
  // EXIT: the process ends once the call has left.
  void set_exit(std::string value);
  // LOAD: the context is replaced once the call has left.
  void set_context(std::shared_ptr<const SavedContext> saved) { loaded_ = std::move(saved); }
  // FORK: gives `child` a body that goes on in this context; start() makes it see `answer` as the result of
  // the call.
  void fork_into(Process& child, std::string answer) const;

 private:
  PromptBody(Process& process, ImageRef image) : process_(process), image_(std::move(image)) {}
  const PromptImage& program() const { return *image_->prompt; }
  Result<Matcher> make_matcher() const;
  Result<std::string> render(std::string_view text) const;
  void begin_section(size_t index, bool from_base);
  Status offer_operands(std::string_view text);

  void on_section_end(Decoder::Stop stop) override;
  Status on_answer(std::string_view answer) override { return offer_operands(answer); }
  void on_no_return() override;
  void on_error(Error error) override;

  Process& process_;
  ImageRef image_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Step> step_;
  size_t section_ = 0;
  uint32_t base_tokens_ = 0;
  int jump_to_ = -1;
  bool exits_ = false, forked_ = false;
  std::string exit_value_, fork_answer_;
  Operands operands_;  // of the section, where the program limits them
  std::shared_ptr<const SavedContext> loaded_;
};

}  // namespace phios
