#include "kernel/boot/cmd/profile.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"
#include "kernel/sched/batcher.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace phios {

namespace {

double percentile(std::vector<double>& values, double p) {
  if (values.empty()) return 0;
  const size_t rank =
      std::min(values.size() - 1, static_cast<size_t>(p * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(rank), values.end());
  return values[rank];
}

std::string call_name(uint64_t number) {
  const CallSpec* spec = find_call(static_cast<uint16_t>(number));
  return spec ? std::string(spec->c_name) : std::to_string(number);
}

}  // namespace

struct Profile::Numbers {
  double wall_ms = 0, model_ms = 0, kernel_ms = 0, call_ms = 0, idle_ms = 0;
  uint64_t traps = 0, processes = 0, passes = 0, sequences = 0, positions = 0, switches = 0, steals = 0,
           lost = 0, guessed = 0, rejected = 0, retracted = 0;
  double batch_mean = 0, wait_p50_us = 0, wait_p99_us = 0, kernel_ns_per_token = 0;
  std::map<std::string, std::pair<uint64_t, double>> calls;  // number, ms
};

Profile::Profile(System& system)
    : system_(system),
      before_(system.batcher().stats()),
      runtime_before_(system.kernel().runtime().stats()),
      tokens_before_(system.kernel().ended_counts()),
      began_(system.kernel().env().now()) {
  system.kernel().trace().collect(cursor_, events_);
  events_.clear();
  cursor_.lost = 0;
}

void Profile::poll() { system_.kernel().trace().collect(cursor_, events_); }

Profile::Numbers Profile::count() const {
  Numbers n;
  std::vector<double> waits;
  for (const Event& e : events_) {
    switch (e.kind) {
      case EventKind::kSpawn:
        n.processes++;
        break;
      case EventKind::kTrap:
        n.traps++;
        break;
      case EventKind::kRun:
        waits.push_back(static_cast<double>(e.a) / 1e3);
        break;
      case EventKind::kReturn: {
        auto& [calls, ms] = n.calls[call_name(e.a)];
        calls++;
        ms += static_cast<double>(e.c) / 1e6;
        n.call_ms += static_cast<double>(e.c) / 1e6;
        break;
      }
      default:
        break;
    }
  }
  const BatcherStats b = system_.batcher().stats();
  const RuntimeStats r = system_.kernel().runtime().stats();
  n.passes = b.passes - before_.passes;
  n.sequences = b.sequences - before_.sequences;
  n.positions = b.positions - before_.positions;
  n.switches = r.switches - runtime_before_.switches;
  n.steals = r.steals - runtime_before_.steals;
  const TokenCounts tokens = system_.kernel().ended_counts();
  n.guessed = tokens.guessed - tokens_before_.guessed;
  n.rejected = tokens.rejected - tokens_before_.rejected;
  n.retracted = tokens.retracted - tokens_before_.retracted;
  n.model_ms = static_cast<double>(b.model_ns - before_.model_ns) / 1e6;
  n.kernel_ms = static_cast<double>(b.kernel_ns - before_.kernel_ns) / 1e6;
  n.wall_ms = static_cast<double>(system_.kernel().env().now() - began_) / 1e6;
  n.idle_ms = std::max(0.0, n.wall_ms - n.model_ms - n.kernel_ms);
  n.batch_mean = n.passes == 0 ? 0 : static_cast<double>(n.sequences) / static_cast<double>(n.passes);
  n.kernel_ns_per_token = n.sequences == 0 ? 0 : n.kernel_ms * 1e6 / static_cast<double>(n.sequences);
  n.wait_p50_us = percentile(waits, 0.5);
  n.wait_p99_us = percentile(waits, 0.99);
  n.lost = cursor_.lost;
  return n;
}

std::string Profile::table() const {
  const Numbers n = count();
  std::string out = fmt::format(
      "processes {}   traps {}   fiber switches {}   steals {}\n"
      "passes {}   positions {}   batch occupancy {:.2f} sequences a pass\n"
      "run queue wait p50 {:.1f} us, p99 {:.1f} us   kernel {:.0f} ns a token\n"
      "where time went, of {:.1f} ms: model {:.1f}, kernel beside the model {:.1f}, no pass running {:.1f}\n",
      n.processes, n.traps, n.switches, n.steals, n.passes, n.positions, n.batch_mean, n.wait_p50_us,
      n.wait_p99_us, n.kernel_ns_per_token, n.wall_ms, n.model_ms, n.kernel_ms, n.idle_ms);
  if (n.guessed > 0)
    out += fmt::format("guessed {} tokens ahead, of which {} came true\n", n.guessed, n.guessed - n.rejected);
  if (n.retracted > 0)
    out += fmt::format("took back {} tokens where the grammar refused what the model meant\n", n.retracted);
  for (const auto& [name, call] : n.calls) {
    out +=
        fmt::format("  {:<14} {:>7} calls {:>10.2f} ms from trap to answer\n", name, call.first, call.second);
  }
  if (n.lost > 0) out += fmt::format("{} events were overwritten before they were read\n", n.lost);
  return out;
}

std::string Profile::json() const {
  const Numbers n = count();
  nlohmann::json calls = nlohmann::json::object();
  for (const auto& [name, call] : n.calls) calls[name] = {{"calls", call.first}, {"ms", call.second}};
  return nlohmann::json{{"wall_ms", n.wall_ms},
                        {"model_ms", n.model_ms},
                        {"kernel_ms", n.kernel_ms},
                        {"idle_ms", n.idle_ms},
                        {"processes", n.processes},
                        {"traps", n.traps},
                        {"switches", n.switches},
                        {"steals", n.steals},
                        {"passes", n.passes},
                        {"positions", n.positions},
                        {"batch_occupancy", n.batch_mean},
                        {"run_queue_wait_us", {{"p50", n.wait_p50_us}, {"p99", n.wait_p99_us}}},
                        {"kernel_ns_per_token", n.kernel_ns_per_token},
                        {"guessed", n.guessed},
                        {"rejected", n.rejected},
                        {"retracted", n.retracted},
                        {"calls", calls},
                        {"lost", n.lost}}
      .dump();
}

Status Profile::write_perfetto(const std::string& path) const {
  std::ofstream out(path);
  if (!out) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be written", path));
  out << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  bool first = true;
  const auto emit = [&](const nlohmann::json& event) {
    out << (first ? "" : ",\n") << event.dump();
    first = false;
  };
  for (const Event& e : events_) {
    const double us = static_cast<double>(e.at - began_) / 1e3;
    if (e.kind == EventKind::kReturn || e.kind == EventKind::kPassEnd) {
      const bool pass = e.kind == EventKind::kPassEnd;
      const double took = static_cast<double>(e.c) / 1e3;
      emit({{"ph", "X"},
            {"name", pass ? fmt::format("pass of {}", e.a) : call_name(e.a)},
            {"ts", us - took},
            {"dur", took},
            {"pid", pass ? 0 : 1},
            {"tid", e.pid}});
    } else if (e.kind == EventKind::kSpawn || e.kind == EventKind::kExit || e.kind == EventKind::kSignal) {
      const char* name = e.kind == EventKind::kSpawn  ? "spawn"
                         : e.kind == EventKind::kExit ? "exit"
                                                      : "signal";
      emit({{"ph", "i"},
            {"s", "t"},
            {"name", name},
            {"ts", us},
            {"pid", 1},
            {"tid", e.pid},
            {"args", {{"a", e.a}}}});
    }
  }
  out << "\n]}\n";
  out.close();
  if (!out) return fail(ErrorCode::EIO_, fmt::format("{}: the disk took only a part", path));
  return {};
}

}  // namespace phios
