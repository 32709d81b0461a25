#include "userland/sh/calls.h"

#include <csignal>
#include <string_view>
#include <utility>

namespace phios::sh {
namespace {

constexpr std::string_view kNotTaught = "not taught:";  // userland/programs/solve.lua
constexpr int kFailed = 1, kNotTaughtCode = 3, kNotFound = 127, kSignalled = 128;

}  // namespace

Answer call(phi_proc* proc, uint32_t number, const Args& args) {
  std::vector<phi_arg> texts;
  for (const auto& arg : args) texts.push_back({arg ? arg->c_str() : nullptr});
  char small[1];
  size_t len = 0;
  Answer answer;
  answer.status =
      phi_syscall(proc, number, texts.data(), texts.size(), PHI_FOREVER, small, sizeof small, &len);
  if (!answer) {
    answer.text = phi_error_message(proc);
    return answer;
  }
  const char* result = phi_result(proc, &len);
  answer.text.assign(result, len);
  for (std::string_view rest = answer.text; !rest.empty();) {
    size_t end = std::min(rest.find('\0'), rest.size());
    answer.words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return answer;
}

std::optional<End> wait_for(phi_proc* proc, phi_pid pid, int ms) {
  Answer answer = call(proc, PHI_SYS_proc_wait, {std::to_string(pid), std::to_string(ms)});
  if (answer.status == PHI_ETIMEDOUT_) return std::nullopt;
  if (!answer) return End{answer.text, phi_error_name(answer.status)};
  answer.words.resize(3);
  return End{answer.words[1], answer.words[2]};
}

int exit_code(const End& end) {
  if (end.error.empty()) return end.value.starts_with(kNotTaught) ? kNotTaughtCode : 0;
  constexpr std::pair<std::string_view, int> kSignals[] = {
      {"signal int", SIGINT}, {"signal term", SIGTERM}, {"signal kill", SIGKILL}};
  if (end.error == "EINTR")
    for (const auto& [name, number] : kSignals)
      if (end.value.find(name) != std::string::npos) return kSignalled + number;
  return kFailed;
}

int exit_code(phi_status status) {
  return status == PHI_OK ? 0 : status == PHI_ENOENT_ ? kNotFound : kFailed;
}

}  // namespace phios::sh
