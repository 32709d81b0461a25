// eval logic: logic puzzles in words through the standard program logic: every atom of what reaches SOLVE is
// the model's.
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "kernel/boot/cmd/eval.h"
#include "kernel/boot/cmd/job.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"

namespace phios {

namespace {

struct LogicOptions {
  std::string data, out;
  size_t limit = 0;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// "B) False" → 'B' where the verdict is "false"; "" where no option says it.
std::string letter_of(const nlohmann::json& options, const std::string& verdict) {
  for (const nlohmann::json& option : options) {
    const std::string text = lower(option.get<std::string>());
    if (text.size() > 3 && text.substr(3) == verdict) return option.get<std::string>().substr(0, 1);
  }
  return {};
}

Result<nlohmann::json> solve_one(System& system, Job& job, const nlohmann::json& problem) {
  Kernel& kernel = system.kernel();
  const TokenCounts before = kernel.ended_counts();
  const Nanos began = kernel.env().now();
  const std::string text =
      problem.at("context").get<std::string>() + " " + problem.at("question").get<std::string>();
  uint64_t cursor = 0, lost = 0, calls = 0;
  kernel.journal().add_reader();
  (void)kernel.journal().read(cursor, lost);
  const phi_pid pid = TRY(job.start("logic", {text}));
  const JobResult result = TRY(job.wait(pid));
  for (const JournalEntry& e : kernel.journal().read(cursor, lost)) calls += e.by_model ? 1 : 0;
  kernel.journal().drop_reader();
  const TokenCounts after = kernel.ended_counts();
  const std::string answer = result.error.empty() ? letter_of(problem.at("options"), result.value) : "";
  nlohmann::json line = {{"id", problem.at("id")},
                         {"answer", answer},
                         {"right", answer == problem.at("answer").get<std::string>()},
                         {"ms", static_cast<double>(kernel.env().now() - began) / 1e6},
                         {"calls", calls},
                         {"tokens", after.forwarded - before.forwarded}};
  if (!result.error.empty()) line["error"] = result.value;
  return line;
}

Result<int> run(const CommandContext& context, const LogicOptions& options) {
  std::vector<std::string> lines = TRY(read_lines(options.data));
  if (options.limit > 0 && lines.size() > options.limit) lines.resize(options.limit);
  auto system = TRY(System::open(context.config));
  auto job = TRY(Job::attach(*system, "eval"));
  std::ofstream out;
  if (!options.out.empty()) out.open(options.out);
  size_t right = 0, failed = 0;
  double ms = 0;
  for (size_t i = 0; i < lines.size(); i++) {
    const std::string where = fmt::format("{}:{}", options.data, i + 1);
    const nlohmann::json problem = nlohmann::json::parse(lines[i], nullptr, false);
    if (problem.is_discarded()) return fail(ErrorCode::EPARSE_, where + ": no JSON");
    try {
      const nlohmann::json line = TRY(solve_one(*system, *job, problem));
      (out.is_open() ? static_cast<std::ostream&>(out) : std::cout) << line.dump() << std::endl;
      right += line.at("right") == true ? 1 : 0;
      failed += line.contains("error") ? 1 : 0;
      ms += line.at("ms").get<double>();
    } catch (const nlohmann::json::exception& error) {
      return fail(ErrorCode::EPARSE_, fmt::format("{}: {}", where, error.what()));
    }
  }
  const double n = static_cast<double>(lines.size());
  const nlohmann::ordered_json summary = {
      {"problems", lines.size()},
      {"right", right},
      {"percent", 100.0 * static_cast<double>(right) / std::max(n, 1.0)},
      {"failed", failed},
      {"problems_per_s", ms > 0 ? 1000.0 * n / ms : 0.0},
      {"note", "the paragraph was split at sentence ends by the program logic"}};
  fmt::print("{}\n", summary.dump());
  return 0;
}

}  // namespace

void add_eval_logic(Command eval, CommandContext& context) {
  auto o = std::make_shared<LogicOptions>();
  Command command = eval.command("logic", "logic puzzles in words");
  command.option("--data", o->data, "JSON lines: id, context, question, options, answer")
      .required()
      .value_name("FILE");
  command.option("--out", o->out, "JSON lines: id, answer, right, ms, calls, tokens").value_name("FILE");
  command.option("--limit", o->limit, "only the first so many");
  command.callback(command_callback(context, [o, &context] { return run(context, *o); }));
}

}  // namespace phios
