#include "drivers/solver/solvers.h"

#include <algorithm>

#include "drivers/api/utf8.h"
#include "drivers/api/workers.h"
#include "drivers/solver/rules.h"
#include "drivers/solver/smt.h"
#include "fmt/format.h"
#include "syscalls/abi/limits.h"

namespace phios {

namespace {

constexpr std::string_view kRules = "rules";
constexpr std::string_view kSmt2 = "smt2";

// What holds for a program in any language. A NUL would end it early for a solver that takes C strings, and
// the answer would be to another question.
Status check_text(std::string_view program) {
  if (program.size() > PHI_SOLVER_PROGRAM_MAX) {
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("the program has {} bytes, at most {}", program.size(), PHI_SOLVER_PROGRAM_MAX));
  }
  const size_t bad = find_bad_utf8(program);
  if (bad == std::string_view::npos) return {};
  const std::string_view before = program.substr(0, bad);
  const size_t line_begin = before.rfind('\n') + 1;
  return fail(ErrorCode::EPARSE_, fmt::format("line {}, column {}: no UTF-8 text",
                                              std::ranges::count(before, '\n') + 1, bad - line_begin + 1));
}

class Solvers final : public SolverDriver {
 public:
  Solvers(Env& env, SolverDriverOptions options)
      : env_(env),
        child_command_(std::move(options.child_command)),
        workers_("solver", options.threads_max, options.queue_max) {}

  OpRef submit(SolveRequest request, Completion<Solution> done) override {
    return workers_.submit<Solution>(
        [this, request = std::move(request)](std::stop_token stop) { return solve(request, stop); },
        std::move(done));
  }

  std::vector<std::string> languages() const override { return {std::string(kRules), std::string(kSmt2)}; }

 private:
  Result<Solution> solve(const SolveRequest& request, const std::stop_token& stop) {
    TRY(check_text(request.program));
    if (request.language == kRules) {
      return rules::solve(env_, request.program, rules::Budget{.deadline = request.deadline}, stop);
    }
    if (request.language == kSmt2) return smt::solve(env_, child_command_, request, stop);
    return fail(ErrorCode::ENOENT_, fmt::format("no solver is called '{}': there are {} and {}",
                                                request.language, kRules, kSmt2));
  }

  Env& env_;
  std::vector<std::string> child_command_;
  Workers workers_;  // last: its threads end before what they use
};

}  // namespace

Result<std::unique_ptr<SolverDriver>> open_solvers(Env& env, SolverDriverOptions options) {
  if (options.child_command.empty()) return fail(ErrorCode::EINVAL_, "the solver's child needs a command");
  return std::make_unique<Solvers>(env, std::move(options));
}

}  // namespace phios
