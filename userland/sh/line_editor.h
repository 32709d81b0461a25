// LineEditor: lines from a person, by libedit, with history and completion.
//
// Ownership: owns libedit's state. Threads: one. Lifetime: history is loaded when it is made and
// saved when it goes. Ctrl-C gives up the line, Ctrl-D at its beginning ends the input.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "userland/sh/complete.h"

namespace phios::sh {

class LineEditor {
 public:
  LineEditor(CompletionSources sources, const char* history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Without its newline; nothing at the end of input. `more`: the prompt of a line that goes on.
  std::optional<std::string> read(bool more);
  void remember(const std::string& text);
  bool take_cancelled();  // was a line given up since the last call?

  struct State;  // for libedit's callbacks

 private:
  std::unique_ptr<State> state_;
};

}  // namespace phios::sh
