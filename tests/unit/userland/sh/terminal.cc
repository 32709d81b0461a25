#include "tests/unit/userland/sh/terminal.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "syscalls/abi/phios.h"
#include "userland/sh/shell.h"

namespace phios::test {
namespace {

constexpr char kPrompt[] = "phi> ";

int run_shell(const std::string& home, const std::string& programs, const std::string& model) {
  setenv("TERM", "xterm", 1);
  setenv("NO_COLOR", "1", 1);
  phi_config config{};
  config.model = model.c_str();
  config.home = home.c_str();
  config.program_path = programs.c_str();
  config.reactors = 2;
  config.threads = 1;
  config.seed = 1;
  phi_kernel* kernel = nullptr;
  char message[256] = "";
  if (phi_kernel_open(&config, &kernel, message, sizeof message) != PHI_OK) {
    std::fprintf(stderr, "no kernel: %s\n", message);
    return 99;
  }
  phi_proc* proc = nullptr;
  if (phi_proc_attach(kernel, "sh", &proc) != PHI_OK) return 98;
  std::string history = home + "/history";
  phi_shell_options options{};
  options.history = history.c_str();
  int code = phi_shell_main(kernel, proc, &options);
  phi_proc_detach(proc, "");
  phi_kernel_close(kernel);
  return code;
}

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Terminal::Terminal(const std::string& home, const std::string& programs, const std::string& model) {
  winsize size{24, 200, 0, 0};
  child_ = forkpty(&fd_, nullptr, nullptr, &size);
  if (child_ == 0) _exit(run_shell(home, programs, model));
  prompt();
}

Terminal::~Terminal() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(fd_);
}

void Terminal::type(const std::string& keys) {
  ASSERT_EQ(write(fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

std::string Terminal::until(const std::string& text, int patience_ms) {
  int64_t deadline = now_ms() + patience_ms;
  while (true) {
    if (size_t at = unread_.find(text); at != std::string::npos) {
      std::string before = unread_.substr(0, at);
      unread_.erase(0, at + text.size());
      return before;
    }
    pollfd ready{fd_, POLLIN, 0};
    int64_t left = deadline - now_ms();
    char buffer[4096];
    ssize_t n =
        left > 0 && poll(&ready, 1, static_cast<int>(left)) > 0 ? read(fd_, buffer, sizeof buffer) : 0;
    if (n <= 0) {
      ADD_FAILURE() << "no \"" << text << "\" in: " << unread_;
      return std::exchange(unread_, "");
    }
    unread_.append(buffer, static_cast<size_t>(n));
  }
}

std::string Terminal::line(const std::string& text) {
  type(text + "\r");
  until("\n");  // the echo of what was typed
  return prompt();
}

// The prompt is written just before the terminal leaves its line mode; what is typed between is echoed twice.
std::string Terminal::prompt() {
  constexpr useconds_t kLookAgain = 500;
  std::string before = until(kPrompt);
  termios mode{};
  for (int64_t deadline = now_ms() + kPatienceMs; now_ms() < deadline; usleep(kLookAgain))
    if (tcgetattr(fd_, &mode) == 0 && (mode.c_lflag & ICANON) == 0) break;
  return before;
}

int Terminal::exit_code() {
  int status = 0;
  waitpid(child_, &status, 0);
  child_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace phios::test
