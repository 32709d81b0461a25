// eval isa: every rule of the instruction set in words, and random programs made of them.
#include <fmt/core.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "kernel/boot/cmd/eval.h"
#include "kernel/boot/cmd/frame_probe.h"
#include "kernel/boot/cmd/isa.h"
#include "kernel/boot/embedded.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"
#include "syscalls/codec/text.h"

namespace phios {

namespace {

constexpr int64_t kProgramTokens = 16384;  // of one random program: a wrong jump may not loop for ever

// What a program in words may do at most, as `stored` has it: memory, output and the calculator.
const std::vector<std::string> kProgramRights = {"mem:read", "mem:write", "io:out", "drv:tool:calc"};

struct IsaOptions {
  size_t programs = 0, window = 64, show = 10;
  uint64_t seed = 20250217;
  bool list = false, rules = true, operands_of_section = true, all_rights = false;
};

// The frame as the codec prints it: an escape may be written in more than one way.
std::string canonical(const std::string& frame) {
  const Result<Call> call = parse_call(frame);
  return call ? print_call(*call) : frame;
}

void list_cases(const std::vector<isa::Case>& cases, bool json) {
  for (const isa::Case& c : cases) {
    if (json) {
      nlohmann::json line = {{"rule", c.name}, {"prompt", c.base + c.section}, {"frame", c.frame}};
      if (!c.answer.empty()) line.update({{"answer", c.answer}, {"decision", c.decision}});
      fmt::print("{}\n", line.dump());
    } else {
      fmt::print("{}\n  {}  => {}", c.name, c.base + c.section, c.frame.empty() ? "(ends)" : c.frame);
      if (!c.answer.empty()) fmt::print(" [{}] => {}", c.answer, c.decision.empty() ? "(ends)" : c.decision);
      fmt::print("\n");
    }
  }
}

struct Score {
  size_t n = 0, right = 0;
  double seconds = 0;
};

Result<Score> run_rules(System& system, const std::vector<isa::Case>& cases, const IsaOptions& options) {
  auto budget = std::make_shared<Budget>(nullptr, Pid{});
  std::vector<std::unique_ptr<FrameProbe>> probes(cases.size());
  std::vector<isa::Case> due = cases;  // the part that each case is at
  Score score{cases.size(), 0, 0};
  size_t shown = 0;
  Status started;
  const auto start = [&](size_t i) {
    probes[i] = std::make_unique<FrameProbe>(system, budget);
    if (Status s = probes[i]->start(due[i], {.operands_of_section = options.operands_of_section}); !s)
      started = std::move(s);
  };
  const auto finished = [&](size_t i) {
    if (!started) return true;
    if (!probes[i]->done()) return false;
    const FrameProbe& probe = *probes[i];
    const bool right = probe.error().empty() && canonical(probe.frame()) == canonical(due[i].frame);
    if (right && !due[i].answer.empty()) {
      due[i] = isa::decided(due[i]);
      start(i);
      return false;
    }
    score.right += right ? 1 : 0;
    if (!right && shown++ < options.show) {
      fmt::print(stderr, "wrong: {}\n  {}  expected {}\n  emitted  {} {}\n", due[i].name, cases[i].section,
                 due[i].frame, probe.frame(), probe.error());
    }
    probes[i].reset();
    return true;
  };
  const Nanos began = system.kernel().env().now();
  run_batch({cases.size(), options.window, start, finished, "rules"});
  TRY(started);
  score.seconds = static_cast<double>(system.kernel().env().now() - began) / 1e9;
  return score;
}

// One program under the kernel: its process, the calls it made, and how they compare.
struct Running {
  isa::Program program;
  ProcessRef process;
  std::vector<std::string> calls;
};

std::shared_ptr<const Image> image_of(const isa::Program& program, bool operands_of_section) {
  auto prompt = std::make_unique<PromptImage>();
  for (const auto& [label, text] : program.sections) prompt->sections.push_back({label, text});
  prompt->fresh_context = true;
  prompt->free_text = false;
  prompt->operands_of_section = operands_of_section;
  auto image = std::make_shared<Image>();
  image->name = "program";
  image->prompt = std::move(prompt);
  return image;
}

std::string difference(const Running& r) {
  for (size_t i = 0; i < std::max(r.program.frames.size(), r.calls.size()); i++) {
    const std::string want = i < r.program.frames.size() ? canonical(r.program.frames[i]) : "(end)";
    const std::string got = i < r.calls.size() ? r.calls[i] : "(end)";
    if (want != got) return fmt::format("call {}: expected {}, emitted {}", i + 1, want, got);
  }
  const ExitStatus status = r.process->exit_status();
  if (status.code != 0) return fmt::format("ended: {}", status.value);
  if (status.value != r.program.exit_value)
    return fmt::format("exit value {}, expected {}", status.value, r.program.exit_value);
  for (const auto& [cell, value] : r.program.cells) {
    const Result<std::string> held = r.process->cells->read(cell);
    if (!held || *held != value) return fmt::format("the cell {} does not hold what it must", cell);
  }
  if (r.process->cells->size() != r.program.cells.size()) return "there are further cells";
  return {};
}

Result<Score> run_programs(System& system, const isa::Set& set, const IsaOptions& options) {
  Kernel& kernel = system.kernel();
  std::map<size_t, Running> running;
  std::map<uint64_t, Running*> by_pid;
  uint64_t cursor = 0, lost = 0;
  kernel.journal().add_reader();
  (void)kernel.journal().read(cursor, lost);
  lost = 0;
  Score score{options.programs, 0, 0};
  size_t shown = 0;
  Status started;
  const RightSet rights = options.all_rights ? RightSet::all() : TRY(RightSet::parse(kProgramRights));
  const auto drain = [&] {
    for (JournalEntry& e : kernel.journal().read(cursor, lost)) {
      if (const auto it = by_pid.find(e.pid.value); it != by_pid.end())
        it->second->calls.push_back(std::move(e.call));
    }
  };
  const Nanos began = kernel.env().now();
  run_batch({options.programs, options.window,
             [&](size_t i) {
               Running& r = running[i];
               r.program = isa::make_program(set, derive_seed(options.seed, i));
               SpawnSpec spec;
               spec.name = "program";
               spec.rights = rights;
               spec.image = image_of(r.program, options.operands_of_section);
               spec.output = make_null_output();
               spec.limits = {{Resource::kTokens, kProgramTokens}};
               Result<ProcessRef> process = kernel.table().create(kernel.table().init(), std::move(spec));
               if (!process) {
                 started = std::unexpected(process.error());
                 return;
               }
               r.process = *process;
               by_pid[r.process->pid().value] = &r;
               if (Status s = kernel.table().start_image(r.process,
                                                         image_of(r.program, options.operands_of_section));
                   !s)
                 started = std::move(s);
             },
             [&](size_t i) {
               if (!started) return true;
               Running& r = running[i];
               if (r.process->state() != ProcessState::kZombie) return false;
               drain();
               const std::string wrong = difference(r);
               score.right += wrong.empty() ? 1 : 0;
               if (!wrong.empty() && shown++ < options.show) {
                 fmt::print(stderr, "wrong: program {}: {}\n", i, wrong);
                 for (const auto& [label, text] : r.program.sections)
                   fmt::print(stderr, "  # {}: {}", label, text);
               }
               by_pid.erase(r.process->pid().value);
               running.erase(i);
               return true;
             },
             "programs"});
  kernel.journal().drop_reader();
  TRY(started);
  if (lost > 0)
    return fail(ErrorCode::EIO_, fmt::format("{} calls were not seen; use a smaller --window", lost));
  score.seconds = static_cast<double>(kernel.env().now() - began) / 1e9;
  return score;
}

Result<int> run(const CommandContext& context, const IsaOptions& options) {
  const isa::Set set = TRY(isa::load(embedded_isa()));
  const std::vector<isa::Case> cases = isa::make_cases(set, options.seed);
  if (options.list) {
    list_cases(cases, context.json);
    return 0;
  }
  auto system = TRY(System::open(context.config));
  nlohmann::ordered_json out;
  bool all_right = true;
  if (options.rules) {
    const Score rules = TRY(run_rules(*system, cases, options));
    out["rules"] = rules.n;
    out["right"] = rules.right;
    out["seconds"] = rules.seconds;
    all_right = rules.right == rules.n;
  }
  if (options.programs > 0) {
    const Score programs = TRY(run_programs(*system, set, options));
    out["programs"] = programs.n;
    out["programs_right"] = programs.right;
    out["programs_seconds"] = programs.seconds;
    all_right = all_right && programs.right == programs.n;
  }
  if (context.json) {
    fmt::print("{}\n", out.dump());
  } else {
    for (const auto& [key, value] : out.items()) fmt::print("{:<18} {}\n", key, value.dump());
  }
  return all_right ? 0 : kExitFailed;
}

}  // namespace

void add_eval_isa(Command eval, CommandContext& context) {
  auto o = std::make_shared<IsaOptions>();
  Command command =
      eval.command("isa", "exact basic operations: each rule of the instruction set, and random programs");
  command.flag("--list", o->list, "show each rule's prompt and expected frame, and run nothing");
  command.option("--programs", o->programs, "random straight-line and looping programs to run as well")
      .value_name("N");
  command.no_flag("--no-rules", o->rules, "run only the programs");
  command.no_flag("--free-operands", o->operands_of_section,
                  "operands are any words, not those of the section (see docs/formats/prompt.md)");
  command.flag("--all-rights", o->all_rights,
               "programs may make any call, not only those that `stored` permits");
  command.option("--case-seed", o->seed, "of the cases and programs").show_default();
  command.option("--window", o->window, "processes at a time").range(1, 1024).show_default();
  command.option("--show", o->show, "wrong ones to print").show_default();
  command.callback(command_callback(context, [o, &context] { return run(context, *o); }));
}

}  // namespace phios
