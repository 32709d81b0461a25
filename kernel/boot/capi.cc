// The C ABI over a System: handles, calls, and starting processes.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "kernel/boot/capi_spawn.h"
#include "kernel/boot/handles.h"
#include "kernel/boot/system.h"
#include "kernel/proc/native_body.h"

using phios::Error;
using phios::ErrorCode;
using phios::Result;

namespace {

void copy_text(const std::string& text, char* buf, size_t cap) {
  if (!buf || cap == 0) return;
  const size_t n = std::min(text.size(), cap - 1);
  std::memcpy(buf, text.data(), n);
  buf[n] = '\0';
}

phi_status fail_with(phi_proc* proc, const Error& error) {
  proc->error = error.message;
  proc->result.clear();
  return static_cast<phi_status>(error.code);
}

// Arguments in the order of the row; what is missing at the end is absent.
Result<phios::Call> make_call(uint32_t number, const phi_arg* args, size_t n_args) {
  const phios::CallSpec* spec =
      phios::find_call(static_cast<uint16_t>(std::min(number, uint32_t{UINT16_MAX})));
  if (!spec) return phios::fail(ErrorCode::ENOSYS_, fmt::format("{}: no call of that number", number));
  phios::Call call;
  call.spec = spec;
  size_t next = 0;
  for (const phios::ArgSpec& arg : spec->args) {
    if (arg.kind == phios::ArgKind::kRest) break;
    const char* text = next < n_args ? args[next].text : nullptr;
    next++;
    if (!text && arg.kind == phios::ArgKind::kRequired)
      return phios::fail(ErrorCode::EINVAL_,
                         fmt::format("{}: the argument {} is missing", spec->c_name, arg.name));
    call.args.emplace_back(text ? std::optional<std::string>(text) : std::nullopt);
  }
  const bool takes_rest = !spec->args.empty() && spec->args.back().kind == phios::ArgKind::kRest;
  for (; next < n_args; next++) {
    if (!takes_rest)
      return phios::fail(ErrorCode::EINVAL_,
                         fmt::format("{}: {} arguments at most", spec->c_name, spec->args.size()));
    if (args[next].text) call.rest.emplace_back(args[next].text);
  }
  return call;
}

}  // namespace

extern "C" {

uint32_t phi_abi_version(void) { return PHI_ABI_VERSION; }

int64_t phi_now(void) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * phios::kSecond + now.tv_nsec;
}

phi_status phi_kernel_open(const phi_config* config, phi_kernel** out, char* message, size_t cap) {
  phios::Config c;
  if (config) {
    if (config->model) c.model = config->model;
    if (config->home) c.home = config->home;
    for (std::string_view path = config->program_path ? config->program_path : ""; !path.empty();) {
      const size_t colon = std::min(path.find(':'), path.size());
      if (colon > 0) c.program_path.emplace_back(path.substr(0, colon));
      path.remove_prefix(std::min(colon + 1, path.size()));
    }
    c.reactors = config->reactors;
    c.threads = config->threads;
    c.kv_bytes = config->kv_bytes;
    c.seed = config->seed;
  }
  auto system = phios::System::open(c);
  if (!system) {
    copy_text(system.error().message, message, cap);
    return static_cast<phi_status>(system.error().code);
  }
  auto kernel = std::make_unique<phi_kernel>();
  kernel->system = system->get();
  kernel->owned = std::move(*system);
  kernel->system->kernel().set_owner(kernel.get());
  *out = kernel.release();  // the caller's, until phi_kernel_close
  return PHI_OK;
}

void phi_kernel_close(phi_kernel* kernel) { const std::unique_ptr<phi_kernel> closing(kernel); }

phi_status phi_proc_attach(phi_kernel* kernel, const char* name, phi_proc** out) {
  phios::Kernel& k = kernel->system->kernel();
  phios::SpawnSpec spec;
  spec.name = name;
  Result<phios::ProcessRef> process = k.table().create(k.table().init(), std::move(spec));
  if (!process) return static_cast<phi_status>(process.error().code);
  (*process)->set_body(std::make_shared<phios::AttachedBody>());
  (*process)->set_state(phios::ProcessState::kRunning);
  *out = std::make_unique<phi_proc>(phi_proc{std::move(*process), {}, {}})
             .release();  // the caller's, until phi_proc_detach
  return PHI_OK;
}

void phi_proc_detach(phi_proc* proc, const char* exit_value) {
  const std::unique_ptr<phi_proc> gone(proc);
  proc->process->finish({0, exit_value ? exit_value : ""});
}

phi_status phi_syscall(phi_proc* proc, uint32_t number, const phi_arg* args, size_t n_args,
                       int64_t deadline_ns, char* buf, size_t cap, size_t* len) {
  if (len) *len = 0;
  Result<phios::Call> call = make_call(number, args, n_args);
  if (!call) return fail_with(proc, call.error());
  phios::Process& process = *proc->process;
  struct Answer {
    phios::Waiter waiter;
    phios::Outcome outcome;
  };
  // On the heap and shared: the completing thread may still be inside wake() when this one has gone on.
  auto answer = std::make_shared<Answer>();
  process.kernel().dispatcher().dispatch(proc->process, std::move(*call), deadline_ns,
                                         [answer, &process](phios::Outcome outcome) {
                                           answer->outcome = std::move(outcome);
                                           if (process.state() == phios::ProcessState::kWaiting)
                                             process.set_state(phios::ProcessState::kReady);
                                           answer->waiter.wake();
                                         });
  answer->waiter.await();
  if (process.state() != phios::ProcessState::kZombie) process.set_state(phios::ProcessState::kRunning);
  if (!answer->outcome.reply) return fail_with(proc, answer->outcome.reply.error());
  const std::vector<std::string>& words = answer->outcome.reply->words;
  proc->result.clear();
  const phios::CallSpec* spec = phios::find_call(static_cast<uint16_t>(number));
  if (spec->result == phios::ResultType::kWords) {
    for (const std::string& word : words) proc->result.append(word).push_back('\0');
  } else if (!words.empty()) {
    proc->result = words.front();
  }
  copy_text(proc->result, buf, cap);
  if (len) *len = proc->result.size();
  return PHI_OK;
}

const char* phi_result(const phi_proc* proc, size_t* len) {
  if (len) *len = proc->result.size();
  return proc->result.c_str();
}

const char* phi_error_message(const phi_proc* proc) { return proc->error.c_str(); }

const char* phi_error_name(phi_status status) {
  static const std::string names[] = {
      "OK",
#define PHI_ERROR(number, name, meaning, example) std::string(phios::error_name(ErrorCode::name)),
#include "kernel/proc/kernel.h"
#include "syscalls/abi/errors.def"
#undef PHI_ERROR
  };
  const size_t index = static_cast<size_t>(std::max(status, 0));
  return index < std::size(names) ? names[index].c_str() : "EUNKNOWN";
}

phi_pid phi_proc_pid(const phi_proc* proc) { return proc->process->pid().value; }

phi_kernel* phi_proc_kernel(const phi_proc* proc) { return proc->process->kernel().owner(); }

phi_status phi_proc_check(phi_proc* proc) {
  if (!proc->process->told_to_end()) return PHI_OK;
  proc->error = proc->process->end_reason();
  return PHI_EINTR_;
}

void phi_proc_set_exit(phi_proc* proc, const char* value) {
  proc->process->set_exit_value(value ? value : "");
}

phi_status phi_proc_start(phi_proc* parent, const phi_spawn_options* options, phi_pid* out) {
  Result<phios::ProcessRef> child = phios::start_process(parent->process, *options);
  if (!child) return fail_with(parent, child.error());
  *out = (*child)->pid().value;
  return PHI_OK;
}

size_t phi_call_table(const phi_call_info** out) {
  static const phios::CallInfoTable table;
  *out = table.rows.data();
  return table.rows.size();
}

phi_status phi_loader_register(phi_kernel* kernel, const phi_loader* loader) {
  const phios::Status added = kernel->system->add_loader(*loader);
  return added ? PHI_OK : static_cast<phi_status>(added.error().code);
}

void phi_prompt_base(phi_prompt* prompt, const char* text) { prompt->image->base = text; }

void phi_prompt_section(phi_prompt* prompt, const char* label, const char* text) {
  prompt->image->sections.push_back({label, text});
}

phi_status phi_prompt_option(phi_prompt* prompt, const char* key, const char* value) {
  const phios::Status set = prompt->image->set_option(key, value);
  return set ? PHI_OK : static_cast<phi_status>(set.error().code);
}

size_t phi_program_list(phi_kernel* kernel, char* buf, size_t cap) {
  std::string all;
  for (const std::string& name : kernel->system->kernel().programs().names())
    all.append(name).push_back('\0');
  copy_text(all, buf, cap);
  return all.size();
}

size_t phi_kernel_stats(phi_kernel* kernel, char* buf, size_t cap) {
  const std::string stats = kernel->system->stats_json();
  copy_text(stats, buf, cap);
  return stats.size();
}

}  // extern "C"
