// NativeBody: code on a fiber: C, or a script run by its loader. AttachedBody: a process whose calls are made
// by the embedding program's own thread.
//
// Ownership: the process. Threads: run() is on a fiber; signals from any: they end the call under way, and
// told_to_end() tells the code.
#pragma once

#include <functional>
#include <memory>

#include "kernel/proc/process.h"

namespace phios {

// The context of a process that is not a prompt program, made when it is first used.
class OwnContext {
 public:
  Decoder& get(Process& process);
  Decoder* peek() const { return decoder_.get(); }
  void set(std::unique_ptr<Decoder> decoder) { decoder_ = std::move(decoder); }

 private:
  std::unique_ptr<Decoder> decoder_;
};

class NativeBody final : public Body {
 public:
  NativeBody(Process& process, ImageRef image) : process_(process), image_(std::move(image)) {}
  void start() override;
  void signalled(Signal signal) override;
  Decoder* decoder() override { return context_.peek(); }
  OwnContext& context() { return context_; }

 private:
  Process& process_;
  ImageRef image_;
  OwnContext context_;
};

class AttachedBody final : public Body {
 public:
  void start() override {}
  void signalled(Signal) override {}
  Decoder* decoder() override { return context_.peek(); }
  OwnContext& context() { return context_; }

 private:
  OwnContext context_;
};

// The own context of a native or attached process; null for a prompt program, whose context is the program's.
OwnContext* own_context(Process& process);

}  // namespace phios
