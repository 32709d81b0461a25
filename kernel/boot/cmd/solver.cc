#include "kernel/boot/cmd/solver.h"

#include <fmt/core.h>

#include <cstdio>
#include <fstream>
#include <future>
#include <iterator>
#include <nlohmann/json.hpp>

#include "drivers/solver/solvers.h"
#include "kernel/boot/cmd/command.h"

namespace phios {

namespace {

using Json = nlohmann::ordered_json;

struct Summary {
  size_t n = 0;
  size_t with_true = 0;
  size_t with_false = 0;
  size_t unknown = 0;
  size_t errors = 0;
  size_t gold = 0;  // programs whose answer is known
  size_t right = 0;
};

class Runner {
 public:
  Runner(const SolverOptions& options, SolverDriver& driver, Env& env)
      : options_(options), driver_(driver), env_(env) {}

  Status run_file();
  Status run_data();

 private:
  Result<Solution> solve(std::string program);
  Result<Json> run_line(const std::string& line, size_t number);
  Json answer_line(const Json& record, const Result<Solution>& solution, double ms);
  void print_summary(double seconds) const;

  const SolverOptions& options_;
  SolverDriver& driver_;
  Env& env_;
  Summary summary_;
};

Result<Solution> Runner::solve(std::string program) {
  std::promise<Result<Solution>> promise;
  auto future = promise.get_future();
  const Nanos deadline = env_.now() + options_.deadline_ms * kMillisecond;
  const OpRef op =
      driver_.submit({options_.language, std::move(program), deadline, options_.memory_bytes},
                     [&promise](Result<Solution> solution) { promise.set_value(std::move(solution)); });
  return future.get();
}

Status Runner::run_file() {
  std::ifstream in(options_.file, std::ios::binary);
  if (!in) return fail(ErrorCode::ENOENT_, fmt::format("{}: cannot be read", options_.file));
  const Nanos began = env_.now();
  auto solution = solve({std::istreambuf_iterator<char>(in), {}});
  if (!solution)
    return fail(solution.error().code, fmt::format("{}: {}", options_.file, solution.error().message));
  const double ms = static_cast<double>(env_.now() - began) / kMillisecond;
  if (options_.json) {
    const Json line = {
        {"verdict", verdict_name(solution->verdict)}, {"detail", solution->detail}, {"ms", ms}};
    fmt::print("{}\n", line.dump());
    return {};
  }
  fmt::print("{}\n", verdict_name(solution->verdict));
  if (!solution->detail.empty())
    fmt::print("{}{}", solution->detail, solution->detail.ends_with('\n') ? "" : "\n");
  return {};
}

Result<Json> Runner::run_line(const std::string& line, size_t number) {
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::EPARSE_, fmt::format("{}:{}: {}", options_.data, number, what));
  };
  const Json record = Json::parse(line, nullptr, false);
  if (!record.is_object()) return bad("a JSON object expected");
  if (!record.contains("program") || !record["program"].is_string()) return bad("program: text expected");
  const Nanos began = env_.now();
  const auto solution = solve(record["program"].get<std::string>());
  return answer_line(record, solution, static_cast<double>(env_.now() - began) / kMillisecond);
}

Json Runner::answer_line(const Json& record, const Result<Solution>& solution, double ms) {
  std::string answer;
  std::string status;
  std::string message;
  ++summary_.n;
  if (!solution) {
    ++summary_.errors;
    status = error_name(solution.error().code);
    message = solution.error().message;
  } else {
    const Verdict verdict = solution->verdict;
    ++(verdict == Verdict::kTrue    ? summary_.with_true
       : verdict == Verdict::kFalse ? summary_.with_false
                                    : summary_.unknown);
    answer = verdict == Verdict::kTrue ? "A" : verdict == Verdict::kFalse ? "B" : options_.unknown;
    status = verdict_name(verdict);
    if (verdict == Verdict::kUnknown) message = solution->detail;
  }
  if (record.contains("gold")) {
    ++summary_.gold;
    summary_.right += record["gold"] == answer ? 1 : 0;
  }
  return {{"id", record.value("id", Json())},
          {"answer", answer},
          {"status", status},
          {"message", message},
          {"ms", ms}};
}

Status Runner::run_data() {
  std::ifstream in(options_.data);
  if (!in) return fail(ErrorCode::ENOENT_, fmt::format("{}: cannot be read", options_.data));
  std::ofstream out;
  if (!options_.out.empty()) {
    out.open(options_.out);
    if (!out) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be written", options_.out));
  }
  const Nanos began = env_.now();
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Json answer = TRY(run_line(line, number));
    if (out.is_open()) out << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  out.flush();
  if (!out) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be written", options_.out));
  print_summary(static_cast<double>(env_.now() - began) / kSecond);
  return {};
}

void Runner::print_summary(double seconds) const {
  const double rate = seconds > 0 ? static_cast<double>(summary_.n) / seconds : 0;
  if (options_.json) {
    Json line = {{"n", summary_.n},
                 {"true", summary_.with_true},
                 {"false", summary_.with_false},
                 {"unknown", summary_.unknown},
                 {"errors", summary_.errors},
                 {"seconds", seconds},
                 {"per_second", rate}};
    if (summary_.gold > 0) line["right"] = summary_.right;
    fmt::print("{}\n", line.dump());
    return;
  }
  fmt::print("{} programs: {} true, {} false, {} unknown, {} errors; {:.0f} a second\n", summary_.n,
             summary_.with_true, summary_.with_false, summary_.unknown, summary_.errors, rate);
  if (summary_.gold > 0) fmt::print("right: {} of {}\n", summary_.right, summary_.gold);
}

}  // namespace

int run_solver_command(const SolverOptions& options) {
  if (options.data.empty() == options.file.empty()) {
    return report({ErrorCode::EINVAL_, "solver needs --data FILE.jsonl or --file PROGRAM, one of them"});
  }
  SystemEnv env;
  const auto driver = open_solvers(env);
  if (!driver) return report(driver.error());
  Runner runner(options, **driver, env);
  const Status status = options.file.empty() ? runner.run_data() : runner.run_file();
  return status ? 0 : report(status.error());
}

}  // namespace phios
