// bench: what the kernel costs, beside floors measured in the same run.
#include <fmt/core.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "drivers/api/model.h"
#include "kernel/boot/cmd/bench_agents.h"
#include "kernel/boot/cmd/bench_engine.h"
#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/decode_load.h"
#include "kernel/boot/cmd/job.h"
#include "kernel/boot/cmd/median.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"
#include "kernel/runtime/measure.h"

namespace phios {

namespace {

constexpr int kRounds = 5;  // medians of so many

// Nanoseconds of one call of `what`, the median over rounds of `n` calls.
template <class What>
double time_ns(Env& env, size_t n, What&& what) {
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; round++) {
    const Nanos began = env.now();
    for (size_t i = 0; i < n; i++) what();
    rounds.push_back(static_cast<double>(env.now() - began) / static_cast<double>(n));
  }
  return median(rounds);
}

Result<double> syscall_lua_ns(Job& job) {
  constexpr std::string_view kScript =
      "local self, now = phi.proc.self, phi.sys.now\n"
      "for i = 1, 1000 do self() end\n"
      "local best\n"
      "for round = 1, 5 do\n"
      "  local began = now()\n"
      "  for i = 1, 20000 do self() end\n"
      "  local each = (now() - began) / 20000\n"
      "  best = math.min(best or each, each)\n"
      "end\n"
      "return string.format('%.1f', best)\n";
  std::string path = (std::filesystem::temp_directory_path() / "phios-bench-XXXXXX.lua").string();
  const int fd = mkstemps(path.data(), 4);
  if (fd < 0) return fail(ErrorCode::EIO_, "no temporary file for the script");
  std::ofstream(path) << kScript;
  const Result<phi_pid> pid = job.start(path, {});
  std::filesystem::remove(path);
  const JobResult result = TRY(job.wait(TRY(pid)));
  if (!result.error.empty()) return fail(ErrorCode::EIO_, result.value);
  return std::strtod(result.value.c_str(), nullptr);
}

// A context of n tokens forked: its table, its tokens and spans; no page.
double fork_us(System& system, uint32_t n) {
  Kernel& kernel = system.kernel();
  Context context(kernel.decode().frames);
  context.append(std::vector<Token>(n, 'x'), Origin::kPrompt, {});
  if (!context.pages().append(n)) return -1;
  uint64_t pages = 0;
  const double ns = time_ns(kernel.env(), 200, [&] { pages += Context(context).pages().pages(); });
  return pages > 0 ? ns / 1e3 : -1;
}

Result<int> sched(CommandContext context) {
  context.config.model = context.config.model.empty() ? "null" : context.config.model;
  auto system = TRY(System::open(context.config));
  Kernel& kernel = system->kernel();
  auto job = TRY(Job::attach(*system, "bench"));
  const SchedFloors floors = measure_sched_floors();
  const RuntimeFigures figures = TRY(measure_runtime(kernel.runtime()));
  const Scaling scaling = TRY(measure_scaling(kernel.env(), kernel.trace()));
  const auto self = [&] {
    (void)phi_syscall(job->proc(), PHI_SYS_proc_self, nullptr, 0, PHI_FOREVER, nullptr, 0, nullptr);
  };
  phi_spawn_options options{};
  options.entry = [](phi_proc*, void*) { return 0; };
  options.name = "empty";
  const auto spawn_and_wait = [&] {
    phi_pid pid = 0;
    if (phi_proc_start(job->proc(), &options, &pid) != PHI_OK) return;
    const std::string who = std::to_string(pid);
    const phi_arg args[] = {{who.c_str()}};
    (void)phi_syscall(job->proc(), PHI_SYS_proc_wait, args, 1, PHI_FOREVER, nullptr, 0, nullptr);
  };
  const nlohmann::ordered_json out = {{"switch_ns", figures.switch_ns},
                                      {"switch_floor_ns", floors.switch_ns},
                                      {"spawn_exit_ns", figures.spawn_exit_ns},
                                      {"spawn_exit_floor_ns", floors.fiber_ns},
                                      {"roundtrip_ns", figures.roundtrip_ns},
                                      {"parked_bytes", figures.parked_bytes},
                                      {"syscall_c_ns", time_ns(kernel.env(), 20000, self)},
                                      {"syscall_lua_ns", TRY(syscall_lua_ns(*job))},
                                      {"process_spawn_wait_ns", time_ns(kernel.env(), 500, spawn_and_wait)},
                                      {"fork_4k_us", fork_us(*system, 4096)},
                                      {"fork_32k_us", fork_us(*system, 32768)},
                                      {"two_reactors", scaling.reactors},
                                      {"two_threads_floor", scaling.threads}};
  if (context.json) {
    fmt::print("{}\n", out.dump());
  } else {
    for (const auto& [key, value] : out.items()) fmt::print("{:<24} {:.1f}\n", key, value.get<double>());
  }
  return 0;
}

Result<int> step(CommandContext context, uint32_t batch, double seconds) {
  context.config.model = context.config.model.empty() ? "null" : context.config.model;
  auto system = TRY(System::open(context.config));
  const LoadFigures f = TRY(run_decode_load(*system, batch, seconds));
  fmt::print("{}\n", nlohmann::ordered_json{{"batch", batch},
                                            {"kernel_ns_per_sequence", f.kernel_ns_per_token},
                                            {"model_ns_per_sequence", f.model_ns_per_token},
                                            {"batch_occupancy", f.occupancy},
                                            {"vocabulary", system->model().info().n_vocab}}
                         .dump());
  return 0;
}

Result<int> decode(const CommandContext& context, uint32_t processes, double seconds) {
  auto system = TRY(System::open(context.config));
  std::vector<double> ratios;
  LoadFigures one, many;
  for (int round = 0; round < kRounds; round++) {
    one = TRY(run_decode_load(*system, 1, seconds / kRounds));
    many = TRY(run_decode_load(*system, processes, seconds / kRounds));
    ratios.push_back(many.tokens_per_s / one.tokens_per_s);
  }
  fmt::print("{}\n", nlohmann::ordered_json{{"tokens_per_s_1", one.tokens_per_s},
                                            {fmt::format("tokens_per_s_{}", processes), many.tokens_per_s},
                                            {"ratio", median(ratios)},
                                            {"batch_occupancy", many.occupancy}}
                         .dump());
  return 0;
}

}  // namespace

void add_bench_command(Command app, CommandContext& context) {
  Command bench = app.command("bench", "what the kernel costs, beside floors of the same run");
  bench.need_command();
  bench.command("sched", "fibers, calls, processes and forks").callback(command_callback(context, [&context] {
    return sched(context);
  }));
  struct Options {
    uint32_t batch = 64;
    double seconds = 2;
  };
  auto o = std::make_shared<Options>();
  Command command = bench.command("step",
                                  "the kernel's share of a decode step (the null model, unless "
                                  "--model names one; null:50257 for a large vocabulary)");
  command.option("--batch", o->batch, "sequences").range(1, 4096).show_default();
  command.option("--seconds", o->seconds, "to measure for").range(0.1, 600.0).show_default();
  command.callback(command_callback(context, [&context, o] { return step(context, o->batch, o->seconds); }));
  command = bench.command("decode", "tokens a second of one process and of many, in turn");
  command.option("--processes", o->batch, "of the many").range(2, 4096).show_default();
  command.option("--seconds", o->seconds, "for each of the two").range(0.1, 600.0).show_default();
  command.callback(
      command_callback(context, [&context, o] { return decode(context, o->batch, o->seconds); }));
  add_bench_engine(bench, context);
  add_bench_agents(bench, context);
}

}  // namespace phios
