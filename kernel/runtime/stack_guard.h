// What a thread needs so that a fiber that overflows its stack is named before the process dies.
#pragma once

#include <csignal>
#include <cstddef>
#include <vector>

namespace phios::rt {

// Once for the process: a fault in the guard below the current fiber's stack is reported on stderr, with the
// fiber's name, and aborts; every other fault goes where it went before. Sanitizers report faults themselves.
void install_overflow_report();

// The alternate stack on which the report is written; one for each reactor's thread, for as long as it lives.
class AlternateStack {
 public:
  AlternateStack();
  ~AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;

 private:
  std::vector<std::byte> memory_;
};

// Signals of the process (int, term, window changes, broken pipes) are for its main thread: threads started
// while this lives never take them.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace phios::rt
