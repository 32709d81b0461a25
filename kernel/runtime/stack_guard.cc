#include "kernel/runtime/stack_guard.h"

#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "kernel/runtime/reactor.h"
#include "kernel/runtime/stack_pool.h"

namespace phios::rt {

namespace {

constexpr size_t kAlternateBytes = 64 << 10;

void say(const char* text, size_t bytes) {
  [[maybe_unused]] const ssize_t n = write(STDERR_FILENO, text, bytes);
}

struct sigaction previous_action;

// Async-signal-safe: it reads only what belongs to the faulting thread's own fiber.
void on_fault(int signal, siginfo_t* info, void*) {
  const Reactor* reactor = this_reactor();
  const auto* address = static_cast<const std::byte*>(info->si_addr);
  if (reactor != nullptr && reactor->on_fiber()) {
    const Fiber& fiber = *reactor->current();
    if (address < fiber.bottom && address >= fiber.bottom - kGuardBytes) {
      constexpr char kBefore[] = "phios: stack overflow in fiber '";
      constexpr char kAfter[] = "': raise RuntimeOptions::stack_bytes or keep large locals off the stack\n";
      say(kBefore, sizeof kBefore - 1);
      say(fiber.name.data(), fiber.name.size());
      say(kAfter, sizeof kAfter - 1);
      std::abort();
    }
  }
  sigaction(signal, &previous_action, nullptr);  // the fault repeats and goes there
}

}  // namespace

void install_overflow_report() {
  if (kInstrumented) return;
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &previous_action);
  });
}

AlternateStack::AlternateStack() : memory_(kAlternateBytes) {
  stack_t stack{};
  stack.ss_sp = memory_.data();
  stack.ss_size = memory_.size();
  sigaltstack(&stack, nullptr);
}

AlternateStack::~AlternateStack() {
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
}

SignalsBlocked::SignalsBlocked() {
  sigset_t most;
  sigfillset(&most);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF}) {
    sigdelset(&most, fault);
  }
  pthread_sigmask(SIG_BLOCK, &most, &before_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace phios::rt
