#include "syscalls/dispatch/dispatch.h"

#include <fmt/core.h>

#include <array>
#include <charconv>

#include "kernel/proc/cell_space.h"
#include "syscalls/codec/text.h"

namespace phios {

namespace {

constexpr size_t kNumbers = 128;

const std::array<Handler, kNumbers>& handlers() {
  static const std::array<Handler, kNumbers> table = [] {
    std::array<Handler, kNumbers> found{};
    for (const CallSpec& spec : call_table()) {
      for (const HandlerFind find : {mem_handler, ctl_handler, proc_handler, chan_handler, ctx_handler,
                                     drv_handler, io_handler, sys_handler}) {
        if (Handler handler = find(static_cast<Sys>(spec.number))) found[spec.number] = handler;
      }
    }
    return found;
  }();
  return table;
}

// `@cell` operands become names, so that rights are checked for what is really touched.
Status resolve_cells(Process& process, Call& call) {
  for (size_t i = 0; i < call.spec->args.size(); i++) {
    if (call.spec->args[i].type == ArgType::kCell && call.args[i])
      call.args[i] = TRY(resolve_cell(process, *call.args[i]));
  }
  return {};
}

Status check_rights(const Process& process, const Call& call) {
  const std::string right = required_right(call);
  if (process.rights.covers(right)) return {};
  return fail(ErrorCode::EPERM_,
              fmt::format("{}: needs the right {}",
                          call.spec->text.empty() ? call.spec->c_name : call.spec->text, right));
}

// Keeps the call's words for whoever reads the journal.
OutcomeDone journalled(Kernel& kernel, const ProcessRef& process, const Call& call, Nanos began,
                       OutcomeDone done) {
  JournalEntry entry{0,
                     began,
                     0,
                     process->pid(),
                     process->parent_pid(),
                     process->name,
                     print_call(call),
                     {},
                     process->body() && process->body()->is_model(),
                     false};
  return [&kernel, entry = std::move(entry), done = std::move(done)](Outcome outcome) mutable {
    entry.took = kernel.env().now() - entry.at;
    entry.no_return = outcome.no_return;
    if (!outcome.no_return) entry.reply = print_reply(outcome.reply);
    kernel.journal().add(std::move(entry));
    done(std::move(outcome));
  };
}

}  // namespace

Result<int64_t> Invocation::integer(size_t i, int64_t least, int64_t most) const {
  const std::string& text = arg(i);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return fail(ErrorCode::EINVAL_, fmt::format("{}: {} is no integer from {} to {}", call.spec->args[i].name,
                                                text, least, most));
  }
  return value;
}

Result<Nanos> Invocation::deadline_ms(size_t i) const {
  if (!has(i)) return deadline;
  const int64_t ms = TRY(integer(i, 0, PHI_SLEEP_MAX_MS));
  return std::min(deadline, kernel.env().now() + ms * kMillisecond);
}

void SyscallDispatcher::dispatch(const ProcessRef& process, Call call, Nanos deadline, OutcomeDone done) {
  Kernel& kernel = process->kernel();
  if (process->stopped()) {
    auto shared = std::make_shared<std::pair<Call, OutcomeDone>>(std::move(call), std::move(done));
    if (process->defer_while_stopped([this, process, shared, deadline] {
          dispatch(process, std::move(shared->first), deadline, std::move(shared->second));
        })) {
      return;
    }
    call = std::move(shared->first);
    done = std::move(shared->second);
  }
  const Nanos began = kernel.env().now();
  const uint16_t number = call.spec->number;
  const uint64_t sequence = process->call_sequence.fetch_add(1, std::memory_order_relaxed);
  kernel.trace().emit(EventKind::kTrap, process->pid().value, number, sequence);
  process->stats.syscalls.fetch_add(1, std::memory_order_relaxed);
  process->in_call.store(number, std::memory_order_relaxed);
  if (kernel.journal().wanted()) done = journalled(kernel, process, call, began, std::move(done));

  auto pending = std::make_shared<PendingCall>(kernel.runtime(), [&kernel, process, number, began,
                                                                  done = std::move(done)](Outcome outcome) {
    process->clear_pending();
    process->in_call.store(0, std::memory_order_relaxed);
    const uint64_t code = outcome.reply ? 0 : static_cast<uint64_t>(outcome.reply.error().code);
    const Nanos took = kernel.env().now() - began;
    kernel.call_times().took(number, took);
    kernel.trace().emit(EventKind::kReturn, process->pid().value, number, code, static_cast<uint64_t>(took));
    done(std::move(outcome));
  });
  if (process->told_to_end()) return pending->interrupt(process->end_reason());
  if (Status checked = check_call(call); !checked) return pending->answer(std::unexpected(checked.error()));
  if (Status resolved = resolve_cells(*process, call); !resolved)
    return pending->answer(std::unexpected(resolved.error()));
  if (Status allowed = check_rights(*process, call); !allowed)
    return pending->answer(std::unexpected(allowed.error()));
  const Handler handler = handlers()[number];
  if (!handler) return pending->answer(fail(ErrorCode::ENOSYS_, fmt::format("{}: no such call", number)));

  if (call.spec->blocks) {
    const Nanos latest =
        std::min(began + int64_t{PHI_WAIT_DEFAULT_MS} * kMillisecond, process->budget->deadline());
    if (deadline == kNever) deadline = latest;
  }
  process->set_pending(pending);
  handler({kernel, process, std::move(call), deadline, std::move(pending)});
}

}  // namespace phios
