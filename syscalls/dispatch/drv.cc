// RETRIEVE INDEX TOOL TOOLS SOLVE: the drivers.
#include <fmt/core.h>

#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

constexpr size_t kDefaultPassages = 3;
constexpr size_t kDefaultTools = 3;

template <class T>
Result<T*> driver(T* present, std::string_view what) {
  if (!present) return fail(ErrorCode::EIO_, fmt::format("{}: this kernel has no such driver", what));
  return present;
}

// Waits for a driver's answer; a signal or the deadline cancels the op.
template <class T, class Submit>
void run_op(const Invocation& in, Submit&& submit, std::function<Reply(T)> to_reply) {
  in.process->set_state(ProcessState::kWaiting);
  in.pending->set_deadline(
      in.deadline, fmt::format("{}: the deadline passed first",
                               in.call.spec->text.empty() ? in.call.spec->c_name : in.call.spec->text));
  in.pending->attach(submit([pending = in.pending, to_reply = std::move(to_reply)](Result<T> result) {
    if (!result) return pending->answer(std::unexpected(result.error()));
    pending->answer(to_reply(std::move(*result)));
  }));
}

void retrieve(const Invocation& in) {
  Result<RetrievalDriver*> retrieval = driver(in.kernel.parts().retrieval, "RETRIEVE");
  if (!retrieval) return in.answer(std::unexpected(retrieval.error()));
  RetrieveRequest request;
  request.query = in.arg(0);
  request.k = kDefaultPassages;
  if (in.has(1)) {
    const Result<int64_t> k = in.integer(1, 1, PHI_RETRIEVE_MAX);
    if (!k) return in.answer(std::unexpected(k.error()));
    request.k = static_cast<size_t>(*k);
  }
  if (in.has(2)) request.collection = in.arg(2);
  const std::string right = "drv:retrieve:" + request.collection;
  if (!in.process->rights.covers(right))
    return in.answer(fail(ErrorCode::EPERM_, fmt::format("RETRIEVE: needs the right {}", right)));
  request.deadline = in.deadline;
  run_op<std::vector<Passage>>(
      in, [&](auto done) { return (*retrieval)->retrieve(std::move(request), std::move(done)); },
      [](std::vector<Passage> passages) {
        Reply reply;
        for (Passage& passage : passages) reply.words.push_back(std::move(passage.text));
        return reply;
      });
}

void index(const Invocation& in) {
  Result<RetrievalDriver*> retrieval = driver(in.kernel.parts().retrieval, "INDEX");
  if (!retrieval) return in.answer(std::unexpected(retrieval.error()));
  run_op<size_t>(
      in,
      [&](auto done) { return (*retrieval)->index(in.arg(0), {{in.arg(1), in.arg(2)}}, std::move(done)); },
      [](size_t) { return Reply{}; });
}

void get(const Invocation& in) {
  Result<RetrievalDriver*> retrieval = driver(in.kernel.parts().retrieval, "drv_get");
  if (!retrieval) return in.answer(std::unexpected(retrieval.error()));
  run_op<std::string>(
      in, [&](auto done) { return (*retrieval)->get(in.arg(0), in.arg(1), std::move(done)); },
      [](std::string text) { return Reply{{std::move(text)}}; });
}

void remove(const Invocation& in) {
  Result<RetrievalDriver*> retrieval = driver(in.kernel.parts().retrieval, "drv_remove");
  if (!retrieval) return in.answer(std::unexpected(retrieval.error()));
  run_op<bool>(
      in, [&](auto done) { return (*retrieval)->remove(in.arg(0), in.arg(1), std::move(done)); },
      [](bool) { return Reply{}; });
}

void tool(const Invocation& in) {
  Result<ToolDriver*> tools = driver(in.kernel.parts().tools, "TOOL");
  if (!tools) return in.answer(std::unexpected(tools.error()));
  run_op<std::string>(
      in,
      [&](auto done) { return (*tools)->submit({in.arg(0), in.call.rest, in.deadline}, std::move(done)); },
      [](std::string text) { return Reply{{std::move(text)}}; });
}

void tools(const Invocation& in) {
  Result<ToolDriver*> found = driver(in.kernel.parts().tools, "TOOLS");
  if (!found) return in.answer(std::unexpected(found.error()));
  size_t k = kDefaultTools;
  if (in.has(1)) {
    const Result<int64_t> given = in.integer(1, 1, PHI_RETRIEVE_MAX);
    if (!given) return in.answer(std::unexpected(given.error()));
    k = static_cast<size_t>(*given);
  }
  Reply reply;
  for (const ToolInfo& info : (*found)->search(in.arg(0), k))
    reply.words.push_back(fmt::format("{}: {}", info.signature, info.summary));
  in.answer(std::move(reply));
}

void solve(const Invocation& in) {
  Result<SolverDriver*> solvers = driver(in.kernel.parts().solvers, "SOLVE");
  if (!solvers) return in.answer(std::unexpected(solvers.error()));
  const Result<Nanos> deadline = in.deadline_ms(2);
  if (!deadline) return in.answer(std::unexpected(deadline.error()));
  SolveRequest request;
  request.language = in.arg(0);
  request.program = in.arg(1);
  request.deadline = *deadline;
  run_op<Solution>(
      in, [&](auto done) { return (*solvers)->submit(std::move(request), std::move(done)); },
      [](Solution solution) { return Reply{{std::string(verdict_name(solution.verdict))}}; });
}

}  // namespace

Handler drv_handler(Sys call) {
  switch (call) {
    case Sys::drv_retrieve:
      return retrieve;
    case Sys::drv_index:
      return index;
    case Sys::drv_get:
      return get;
    case Sys::drv_remove:
      return remove;
    case Sys::drv_tool:
      return tool;
    case Sys::drv_tools:
      return tools;
    case Sys::drv_solve:
      return solve;
    default:
      return nullptr;
  }
}

}  // namespace phios
