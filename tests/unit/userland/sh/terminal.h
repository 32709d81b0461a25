// Terminal: a shell over a real kernel behind a pseudo-terminal, typed at and read by a test.
//
// Ownership: the shell runs in a child process, which ends with this. Threads: one; made before any thread
// is.
#pragma once

#include <sys/types.h>

#include <string>

namespace phios::test {

class Terminal {
 public:
  static constexpr int kPatienceMs = 60'000;  // sanitizers on a busy machine

  // programs: a directory of programs; home: where state lives.
  Terminal(const std::string& home, const std::string& programs, const std::string& model = "null");
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys);
  // Reads on until `text` has come; what came before it since the last call. A test failure when it does not
  // come.
  std::string until(const std::string& text, int patience_ms = kPatienceMs);
  // Reads up to the next prompt and until the shell listens to keys; what came before the prompt.
  std::string prompt();
  // Types a line, then reads its output up to the next prompt.
  std::string line(const std::string& text);
  int exit_code();  // waits for the shell to end

 private:
  std::string unread_;
  pid_t child_ = -1;
  int fd_ = -1;
};

}  // namespace phios::test
