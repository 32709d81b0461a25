#include "userland/sh/session.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>

namespace phios::sh {
namespace {

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) return;  // nobody is left to be told
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

std::string paint(const Session& session, Colour colour, std::string_view text) {
  constexpr std::string_view kCodes[] = {"", "31", "32", "33", "2", "1"};
  if (!session.colour || colour == Colour::kNone) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", kCodes[static_cast<size_t>(colour)], text);
}

void say(std::string_view text) { write_all(STDOUT_FILENO, text); }

int complain(const Session& session, const std::string& message, int code) {
  std::string where = session.file.empty() ? "sh: " : fmt::format("{}:{}: ", session.file, session.line);
  write_all(STDERR_FILENO, paint(session, Colour::kRed, where + message) + "\n");
  return code;
}

}  // namespace phios::sh
