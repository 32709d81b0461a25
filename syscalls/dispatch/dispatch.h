// Dispatch: trace, rights, budget, handler: every system call of every process, whoever made it (the model,
// C, Lua), goes through here once.
//
// Ownership: kernel/boot owns the one dispatcher. Threads: any. Order: all checks come before the handler,
// which decodes everything before it changes anything.
#pragma once

#include "kernel/proc/kernel.h"

namespace phios {

// One call under way, as its handler sees it. Cell operands have been resolved (`@cell` is replaced by the
// name that stood in it).
struct Invocation {
  Kernel& kernel;
  ProcessRef process;
  Call call;
  Nanos deadline;  // absolute
  PendingRef pending;

  const std::string& arg(size_t i) const { return call.arg(i); }
  bool has(size_t i) const { return call.has(i); }
  Result<int64_t> integer(size_t i, int64_t least, int64_t most) const;  // EINVAL_ names the argument
  // The deadline of an optional ms= argument, never later than the caller's own.
  Result<Nanos> deadline_ms(size_t i) const;
  void answer(Result<Reply> reply) const { pending->answer(std::move(reply)); }
  void answer(std::string word) const { pending->answer(std::move(word)); }
  void answer() const { pending->answer(Reply{}); }
};

using Handler = void (*)(const Invocation&);
using HandlerFind = Handler (*)(Sys);

// One file for each noun: the handler of a call of that noun, or null.
Handler mem_handler(Sys call);
Handler ctl_handler(Sys call);
Handler proc_handler(Sys call);
Handler chan_handler(Sys call);
Handler ctx_handler(Sys call);
Handler drv_handler(Sys call);
Handler io_handler(Sys call);
Handler sys_handler(Sys call);

class SyscallDispatcher final : public Dispatcher {
 public:
  void dispatch(const ProcessRef& process, Call call, Nanos deadline, OutcomeDone done) override;
};

}  // namespace phios
