#include "kernel/boot/cmd/command.h"

#include <fmt/core.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace phios {

namespace {
constexpr size_t kTextMax = size_t{64} << 20;
constexpr auto kProgressTime = std::chrono::milliseconds(200);
}  // namespace

int report(const Error& error) {
  fmt::print(stderr, "phios: {} ({})\n", error.message, error_name(error.code));
  switch (error.code) {
    case ErrorCode::EINVAL_:
    case ErrorCode::EPARSE_:
    case ErrorCode::ETOOBIG_:
      return kExitUsage;
    default:
      return kExitFailed;
  }
}

std::function<void()> command_callback(CommandContext& context, std::function<Result<int>()> run) {
  return [&context, run = std::move(run)] {
    const Result<int> status = run();
    context.status = status ? *status : report(status.error());
  };
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream in(path == "-" ? "/dev/stdin" : path, std::ios::binary);
  if (!in) return fail(ErrorCode::ENOENT_, fmt::format("{}: cannot be read", path));
  std::stringstream text;
  text << in.rdbuf();
  if (text.view().size() > kTextMax)
    return fail(ErrorCode::ETOOBIG_, fmt::format("{}: over {} bytes", path, kTextMax));
  return std::move(text).str();
}

ProgressLine::ProgressLine(std::string what, size_t all)
    : what_(std::move(what)), all_(all), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  if (terminal_) fmt::print(stderr, "\r\x1b[K");
}

void ProgressLine::show(size_t done) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - shown_ < kProgressTime) return;
  shown_ = now;
  fmt::print(stderr, "\r{} {} of {}", what_, done, all_);
}

}  // namespace phios
