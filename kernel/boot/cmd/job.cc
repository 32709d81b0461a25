#include "kernel/boot/cmd/job.h"

#include <csignal>
#include <cstring>

#include "kernel/boot/handles.h"
#include "kernel/boot/system.h"

namespace phios {

namespace {

volatile std::sig_atomic_t interrupts = 0;

void on_interrupt(int) { interrupts = interrupts + 1; }

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(text.c_str());
  return out;
}

}  // namespace

Result<std::unique_ptr<Job>> Job::attach(System& system, const char* name) {
  phi_kernel handle{};
  handle.system = &system;
  phi_proc* proc = nullptr;
  const phi_status status = phi_proc_attach(&handle, name, &proc);
  if (status != PHI_OK) return fail(static_cast<ErrorCode>(status), "no process for the command");
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  return std::unique_ptr<Job>(new Job(proc));
}

Job::~Job() { phi_proc_detach(proc_, ""); }

Result<phi_pid> Job::start(const std::string& program, const std::vector<std::string>& args,
                           const std::vector<std::string>& limits, const char* stdout_to) {
  const std::vector<const char*> arg_texts = pointers(args), limit_texts = pointers(limits);
  phi_spawn_options options{};
  options.program = program.c_str();
  options.args = arg_texts.data();
  options.n_args = arg_texts.size();
  options.limits = limit_texts.data();
  options.n_limits = limit_texts.size();
  options.stdout_to = stdout_to;
  options.new_group = 1;
  phi_pid pid = 0;
  const phi_status status = phi_proc_start(proc_, &options, &pid);
  if (status != PHI_OK) return fail(static_cast<ErrorCode>(status), phi_error_message(proc_));
  return pid;
}

Result<JobResult> Job::wait(phi_pid pid, const std::function<void()>& tick, int64_t tick_ms) {
  const std::string who = std::to_string(pid), ms = std::to_string(tick_ms);
  std::sig_atomic_t passed_on = interrupts;
  for (;;) {
    const phi_arg args[] = {{who.c_str()}, {ms.c_str()}};
    const phi_status status =
        phi_syscall(proc_, PHI_SYS_proc_wait, args, 2, PHI_FOREVER, nullptr, 0, nullptr);
    if (tick) tick();
    if (status == PHI_OK) break;
    if (status != PHI_ETIMEDOUT_) return fail(static_cast<ErrorCode>(status), phi_error_message(proc_));
    if (interrupts != passed_on) {
      passed_on = interrupts;
      const phi_arg signal[] = {{who.c_str()}, {"int"}};
      (void)phi_syscall(proc_, PHI_SYS_proc_signal, signal, 2, PHI_FOREVER, nullptr, 0, nullptr);
    }
  }
  size_t len = 0;
  const char* words = phi_result(proc_, &len);
  const char* const end = words + len;
  JobResult result;
  std::string* fields[] = {nullptr, &result.value, &result.error};
  for (size_t i = 0; i < std::size(fields) && words < end; i++, words += std::strlen(words) + 1) {
    if (fields[i]) *fields[i] = words;
  }
  return result;
}

}  // namespace phios
