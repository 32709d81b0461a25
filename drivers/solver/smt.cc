#include "drivers/solver/smt.h"

#include "drivers/api/child.h"
#include "drivers/solver/smt_reply.h"
#include "fmt/format.h"

namespace phios::smt {

namespace {

constexpr size_t kReplyMax = kDetailMax + 1024;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

// A reply that is none: how the child ended says why.
Error died(const ChildResult& child, const SolveRequest& request) {
  // Z3 ends its process with 101 when it is out of memory and cannot throw.
  constexpr int kOutOfMemoryExit = 101;
  if (child.exit_code == kOutOfMemoryExit) {
    return {ErrorCode::ELIMIT_, fmt::format("memory: {} bytes, the solver's limit", request.memory_bytes)};
  }
  const std::string why = trimmed(child.errors);
  return {ErrorCode::EIO_, fmt::format("the solver's process ended with code {}{}{}", child.exit_code,
                                       why.empty() ? "" : ": ", why)};
}

}  // namespace

Result<Solution> solve(Env& env, const std::vector<std::string>& child_command, const SolveRequest& request,
                       std::stop_token stop) {
  ChildSpec spec;
  spec.argv = child_command;
  spec.argv.push_back(fmt::format("{}{}", kMemoryFlag, request.memory_bytes));
  spec.env = {"LANG=C.UTF-8"};
  spec.input = request.program + "\n";
  spec.output_max = kReplyMax;
  spec.deadline = request.deadline;
  ChildResult child = TRY(run_child(env, spec, std::move(stop)));

  const size_t line = child.output.find('\n');
  if (child.exit_code != 0 || line == std::string::npos) return std::unexpected(died(child, request));
  const std::string word = child.output.substr(0, line);
  std::string detail = trimmed(child.output.substr(line + 1));
  if (word == kSat) return Solution{Verdict::kTrue, std::move(detail)};
  if (word == kUnsat) return Solution{Verdict::kFalse, std::move(detail)};
  if (word == kUnknown) return Solution{Verdict::kUnknown, std::move(detail)};
  if (word == kParseError) return fail(ErrorCode::EPARSE_, std::move(detail));
  if (word == kOutOfMemory) {
    return fail(ErrorCode::ELIMIT_,
                fmt::format("memory: {} bytes, the solver's limit", request.memory_bytes));
  }
  return fail(ErrorCode::EIO_, "Z3: " + detail);
}

}  // namespace phios::smt
