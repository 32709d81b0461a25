#include "kernel/boot/config.h"

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>

namespace phios {

namespace {
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}
}  // namespace

Result<std::string> default_home() {
  if (std::string home = environment("PHIOS_HOME"); !home.empty()) return home;
  if (std::string data = environment("XDG_DATA_HOME"); !data.empty()) return data + "/phios";
  if (std::string user = environment("HOME"); !user.empty()) return user + "/.local/share/phios";
  return fail(ErrorCode::EINVAL_, "no place for state: set PHIOS_HOME to a directory");
}

Status make_home(const std::string& home) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(home, error);
  if (error)
    return fail(ErrorCode::EIO_, fmt::format("{}: {}; set PHIOS_HOME to a directory that can be written",
                                             home, error.message()));
  if (made) std::filesystem::permissions(home, std::filesystem::perms::owner_all, error);
  return {};
}

}  // namespace phios
