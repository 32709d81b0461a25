// eval utm: recorded runs of a Turing machine, executed by the model transition by transition through the
// standard program utm.
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernel/boot/cmd/eval.h"
#include "kernel/boot/cmd/job.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"

namespace phios {

namespace {

struct UtmOptions {
  std::string table, runs, out;
  int64_t max_steps = 0;
};

struct Checkpoint {
  int64_t step;
  std::string state;
  int64_t head;
};

// Follows the machine by the frames that the model wrote: WRITE @i w, ADD i m, JUMP s.
class Follower {
 public:
  Follower(std::vector<Checkpoint> checkpoints, int64_t head)
      : checkpoints_(std::move(checkpoints)), head_(head) {}
  void see(const JournalEntry& e) {
    if (!e.by_model) return;
    if (e.call.starts_with("ADD i ")) head_ = std::atoll(e.reply.c_str());
    if (!e.call.starts_with("JUMP ")) return;
    const std::string label = e.call.substr(5);
    if (label.starts_with("halt")) return;
    steps_++;
    for (const Checkpoint& c : checkpoints_) {
      if (c.step != steps_) continue;
      reached_++;
      if (c.state != label || c.head != head_) wrong_ = true;
    }
  }
  int64_t steps() const { return steps_; }
  bool checkpoints_hold(int64_t up_to) const {
    const auto due = std::count_if(checkpoints_.begin(), checkpoints_.end(),
                                   [&](const Checkpoint& c) { return c.step <= up_to; });
    return !wrong_ && reached_ == due;
  }

 private:
  std::vector<Checkpoint> checkpoints_;
  int64_t head_, steps_ = 0, reached_ = 0;
  bool wrong_ = false;
};

Result<nlohmann::json> parse_json(const std::string& text, const std::string& where) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(ErrorCode::EPARSE_, fmt::format("{}: no JSON", where));
  return json;
}

Result<nlohmann::json> run_one(System& system, Job& job, const std::string& table, const nlohmann::json& r,
                               int64_t max_steps) {
  Kernel& kernel = system.kernel();
  std::vector<Checkpoint> checkpoints;
  for (const nlohmann::json& c : r.at("checkpoints")) checkpoints.push_back({c.at(0), c.at(1), c.at(2)});
  Follower follower(std::move(checkpoints), r.at("head").get<int64_t>());
  uint64_t cursor = 0, lost = 0;
  kernel.journal().add_reader();
  (void)kernel.journal().read(cursor, lost);
  lost = 0;
  std::vector<std::string> args = {table, r.at("tape").get<std::string>(),
                                   std::to_string(r.at("head").get<int64_t>())};
  const int64_t due = r.at("steps").get<int64_t>();
  if (max_steps > 0)
    args.insert(args.end(), {nlohmann::json::parse(table).at("start_state").get<std::string>(),
                             std::to_string(max_steps)});
  const Nanos began = kernel.env().now();
  const phi_pid pid = TRY(job.start("utm", args));
  const auto drain = [&] {
    for (const JournalEntry& e : kernel.journal().read(cursor, lost)) follower.see(e);
  };
  const JobResult result = TRY(job.wait(pid, drain));
  drain();
  kernel.journal().drop_reader();
  const double seconds = static_cast<double>(kernel.env().now() - began) / 1e9;
  nlohmann::json line = {
      {"name", r.at("name")}, {"steps", follower.steps()},
      {"halted", false},      {"exact", false},
      {"seconds", seconds},   {"transitions_per_s", static_cast<double>(follower.steps()) / seconds}};
  if (!result.error.empty()) {
    line["error"] = result.value;
    return line;
  }
  const nlohmann::json end = TRY(parse_json(result.value, "utm's exit value"));
  line["steps"] = end.at("steps");
  line["halted"] = end.at("halted");
  const bool cut = max_steps > 0 && max_steps < due;
  bool exact = lost == 0 && follower.checkpoints_hold(cut ? max_steps : due) &&
               end.at("steps") == (cut ? max_steps : due);
  if (!cut) {
    exact = exact && end.at("halted") == true && end.at("state") == r.at("halt_state") &&
            end.at("head") == r.at("final_head") && end.at("tape") == r.at("final_tape") &&
            end.at("first") == r.at("final_first_one");
  }
  line["exact"] = exact;
  return line;
}

Result<int> run(const CommandContext& context, const UtmOptions& options) {
  std::ifstream in(options.table);
  std::stringstream table;
  table << in.rdbuf();
  if (!in) return fail(ErrorCode::ENOENT_, fmt::format("{}: cannot be read", options.table));
  const nlohmann::json machine = TRY(parse_json(table.str(), options.table));
  if (!machine.contains("rules"))
    return fail(ErrorCode::EPARSE_, fmt::format("{}: an object with \"rules\" expected", options.table));
  // What the machine needs and nothing else: the table may carry notes.
  const std::string compact = nlohmann::json{
      {"rules", machine.at("rules")},
      {"start_state", machine.value("start_state", "A")},
      {"blank",
       machine.value("blank", 0)}}.dump();
  const std::vector<std::string> lines = TRY(read_lines(options.runs));
  auto system = TRY(System::open(context.config));
  auto job = TRY(Job::attach(*system, "eval"));
  std::ofstream out;
  if (!options.out.empty()) out.open(options.out);
  size_t exact = 0;
  int64_t steps = 0;
  double seconds = 0;
  for (size_t i = 0; i < lines.size(); i++) {
    const nlohmann::json r = TRY(parse_json(lines[i], fmt::format("{}:{}", options.runs, i + 1)));
    nlohmann::json line;
    try {
      line = TRY(run_one(*system, *job, compact, r, options.max_steps));
    } catch (const nlohmann::json::exception& error) {
      return fail(ErrorCode::EPARSE_, fmt::format("{}:{}: {}", options.runs, i + 1, error.what()));
    }
    (out.is_open() ? static_cast<std::ostream&>(out) : std::cout) << line.dump() << std::endl;
    exact += line.at("exact") == true ? 1 : 0;
    steps += line.at("steps").get<int64_t>();
    seconds += line.at("seconds").get<double>();
  }
  const TokenCounts counts = system->kernel().ended_counts();
  const nlohmann::ordered_json summary = {
      {"runs", lines.size()},
      {"exact", exact},
      {"transitions", steps},
      {"transitions_per_s", seconds > 0 ? static_cast<double>(steps) / seconds : 0.0},
      {"choices", counts.choices},
      {"mean_admitted", counts.choices > 0
                            ? static_cast<double>(counts.admitted) / static_cast<double>(counts.choices)
                            : 0.0}};
  fmt::print("{}\n", summary.dump());
  return exact == lines.size() ? 0 : kExitFailed;
}

}  // namespace

void add_eval_utm(Command eval, CommandContext& context) {
  auto o = std::make_shared<UtmOptions>();
  Command command =
      eval.command("utm", "a Turing machine's recorded runs, each transition decoded by the model");
  command.option("--table", o->table, "the machine as JSON: rules, start_state")
      .required()
      .value_name("FILE");
  command.option("--runs", o->runs, "JSON lines: name, tape, head, steps, checkpoints, final_tape, ...")
      .required()
      .value_name("FILE");
  command.option("--out", o->out, "JSON lines: name, steps, halted, exact (standard output if absent)")
      .value_name("FILE");
  command.option("--max-steps", o->max_steps, "stop there and compare the checkpoints so far").positive();
  command.callback(command_callback(context, [o, &context] { return run(context, *o); }));
}

}  // namespace phios
