// SPAWN FORK EXEC WAIT KILL LIMIT SELF and the process table: processes.
#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "kernel/proc/native_body.h"
#include "kernel/proc/prompt_body.h"
#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

Result<Pid> parse_pid(const Invocation& in, size_t i) {
  return Pid{static_cast<uint64_t>(TRY(in.integer(i, 1, INT64_MAX)))};
}

Result<ProcessRef> find_process(const Invocation& in, size_t i) {
  const Pid pid = TRY(parse_pid(in, i));
  ProcessRef process = in.kernel.table().find(pid);
  if (!process) return fail(ErrorCode::ENOENT_, fmt::format("{}: no such process", pid.value));
  return process;
}

void spawn(const Invocation& in) {
  Result<ImageRef> image = in.kernel.programs().find(in.arg(0));
  if (!image) return in.answer(std::unexpected(image.error()));
  SpawnSpec spec;
  spec.name = (*image)->name;
  spec.image = *image;
  spec.args = in.call.rest;
  Result<ProcessRef> child = in.kernel.table().spawn(in.process, std::move(spec));
  if (!child) return in.answer(std::unexpected(child.error()));
  in.answer(std::to_string((*child)->pid().value));
}

void fork(const Invocation& in) {
  const Result<int64_t> n = in.integer(0, 1, PHI_FORK_MAX);
  if (!n) return in.answer(std::unexpected(n.error()));
  const std::shared_ptr<Body> body = in.process->body();
  auto* prompt = dynamic_cast<PromptBody*>(body.get());
  if (!prompt)
    return in.answer(fail(
        ErrorCode::ENOSYS_,
        "FORK: only a prompt program forks by this call; native programs start a child with copy_context"));
  std::vector<ProcessRef> children;
  for (int64_t i = 1; i <= *n; i++) {
    SpawnSpec spec;
    spec.name = in.process->name;
    spec.cells = SpawnSpec::Cells::kCopied;
    Result<ProcessRef> child = in.kernel.table().create(in.process, std::move(spec));
    if (!child) {
      // All or none: those that were made end before they ran.
      for (const ProcessRef& made : children)
        made->finish({static_cast<int>(child.error().code), child.error().message});
      return in.answer(std::unexpected(child.error()));
    }
    prompt->fork_into(**child, std::to_string(i));
    children.push_back(std::move(*child));
  }
  for (const ProcessRef& child : children) child->body()->start();
  in.answer("0");
}

void exec(const Invocation& in) {
  Result<ImageRef> image = in.kernel.programs().find(in.arg(0));
  if (!image) return in.answer(std::unexpected(image.error()));
  Process& process = *in.process;
  RightSet rights = process.rights;
  if ((*image)->prompt && (*image)->prompt->restricts_rights) {
    Result<RightSet> asked = RightSet::parse((*image)->prompt->rights);
    if (!asked) return in.answer(std::unexpected(asked.error()));
    rights = rights.intersect(*asked);
  }
  for (size_t i = 0; i < in.call.rest.size(); i++) {
    if (Status written = process.cells->write(std::to_string(i + 1), in.call.rest[i]); !written)
      return in.answer(std::unexpected(written.error()));
  }
  process.rights = std::move(rights);
  process.name = (*image)->name;
  process.set_next_image(std::move(*image));
  in.pending->leave();
}

void wait(const Invocation& in) {
  std::optional<Pid> pid;
  if (in.arg(0) != "any") {
    const Result<Pid> given = parse_pid(in, 0);
    if (!given) return in.answer(std::unexpected(given.error()));
    pid = *given;
  }
  const Result<Nanos> deadline = in.deadline_ms(1);
  if (!deadline) return in.answer(std::unexpected(deadline.error()));
  in.process->set_state(ProcessState::kWaiting);
  in.pending->set_deadline(*deadline, fmt::format("WAIT {}: the deadline passed first", in.arg(0)));
  in.kernel.table().wait(in.process, pid, in.pending);
}

void signal(const Invocation& in) {
  const Result<Signal> sig = parse_signal(in.arg(1));
  if (!sig) return in.answer(std::unexpected(sig.error()));
  const Result<ProcessRef> target = find_process(in, 0);
  if (!target) return in.answer(std::unexpected(target.error()));
  if (!in.kernel.table().is_descendant((*target)->pid(), in.process->pid())) {
    return in.answer(
        fail(ErrorCode::EPERM_, fmt::format("KILL {}: no descendant of this process", in.arg(0))));
  }
  // Whoever ends takes what it started along: nothing is left running for nobody.
  if (*sig != Signal::kNone) {
    for (const ProcessRef& below : in.kernel.table().descendants((*target)->pid())) below->signal(*sig);
  }
  (*target)->signal(*sig);
  in.answer();
}

void limit(const Invocation& in) {
  const Result<Resource> resource = parse_resource(in.arg(0));
  if (!resource) return in.answer(std::unexpected(resource.error()));
  const Result<int64_t> amount = in.integer(1, 0, INT64_MAX);
  if (!amount) return in.answer(std::unexpected(amount.error()));
  if (Status lowered = in.process->budget->lower(*resource, *amount, in.kernel.env().now()); !lowered) {
    return in.answer(std::unexpected(lowered.error()));
  }
  in.process->arm_wall_timer();
  in.answer();
}

nlohmann::json describe(const Process& process, Nanos now) {
  const CallSpec* call = find_call(process.in_call.load(std::memory_order_relaxed));
  const TokenCounts counts = process.token_counts();
  return {{"pid", process.pid().value},
          {"ppid", process.parent_pid().value},
          {"group", process.group->id},
          {"program", process.name},
          {"state", state_name(process.state())},
          {"in", call ? call->c_name : ""},
          {"niceness", process.niceness.load()},
          {"tokens", process.budget->used(Resource::kTokens)},
          {"frames", process.budget->used(Resource::kFrames)},
          {"children", process.budget->used(Resource::kChildren)},
          {"cells", process.cells->size()},
          {"syscalls", process.stats.syscalls.load()},
          {"traps", process.stats.traps.load()},
          {"forwarded", counts.forwarded},
          {"wall_ms", (now - process.started_at) / kMillisecond}};
}

void list(const Invocation& in) {
  nlohmann::json all = nlohmann::json::array();
  for (const ProcessRef& process : in.kernel.table().list())
    all.push_back(describe(*process, in.kernel.env().now()));
  in.answer(all.dump());
}

void stat(const Invocation& in) {
  const Result<ProcessRef> process = find_process(in, 0);
  if (!process) return in.answer(std::unexpected(process.error()));
  in.answer(describe(**process, in.kernel.env().now()).dump());
}

void nice(const Invocation& in) {
  const Result<ProcessRef> process = find_process(in, 0);
  if (!process) return in.answer(std::unexpected(process.error()));
  const Result<int64_t> niceness = in.integer(1, -20, 19);
  if (!niceness) return in.answer(std::unexpected(niceness.error()));
  if (*process != in.process && !in.kernel.table().is_descendant((*process)->pid(), in.process->pid())) {
    return in.answer(fail(ErrorCode::EPERM_, fmt::format("{}: no descendant of this process", in.arg(0))));
  }
  (*process)->niceness = static_cast<int>(*niceness);
  if (const std::shared_ptr<Body> body = (*process)->body()) {
    if (Decoder* decoder = body->decoder()) decoder->set_niceness(static_cast<int>(*niceness));
  }
  in.answer();
}

void group(const Invocation& in) {
  const Result<int64_t> id = in.integer(0, 0, INT64_MAX);
  if (!id) return in.answer(std::unexpected(id.error()));
  GroupRef joined =
      *id == 0 ? in.kernel.table().make_group() : in.kernel.table().find_group(static_cast<uint64_t>(*id));
  if (!joined) return in.answer(fail(ErrorCode::ENOENT_, fmt::format("{}: no such group", *id)));
  in.process->group = joined;
  in.answer(std::to_string(joined->id));
}

void self(const Invocation& in) { in.answer(std::to_string(in.process->pid().value)); }

}  // namespace

Handler proc_handler(Sys call) {
  switch (call) {
    case Sys::proc_spawn:
      return spawn;
    case Sys::proc_fork:
      return fork;
    case Sys::proc_exec:
      return exec;
    case Sys::proc_wait:
      return wait;
    case Sys::proc_signal:
      return signal;
    case Sys::proc_limit:
      return limit;
    case Sys::proc_list:
      return list;
    case Sys::proc_stat:
      return stat;
    case Sys::proc_nice:
      return nice;
    case Sys::proc_group:
      return group;
    case Sys::proc_self:
      return self;
    default:
      return nullptr;
  }
}

}  // namespace phios
