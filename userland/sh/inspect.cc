#include "userland/sh/inspect.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "userland/sh/jobs.h"
#include "userland/sh/stage.h"

namespace phios::sh {
namespace {

using nlohmann::json;

constexpr size_t kShownValue = 64;  // bytes of a cell's value in a list
constexpr size_t kShownCall = 160;  // bytes of a call or an answer in a trace
constexpr int kTraceSliceMs = 100;
constexpr int kTopTurnMs = 1000, kTopSliceMs = 50;
constexpr int kInterrupted = 130;

std::string one_line(std::string_view text, size_t most) {
  std::string out(text.substr(0, most));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  while (!out.empty() && out.size() < text.size() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80)
    out.pop_back();
  return out.size() < text.size() ? out + "…" : out;
}

json parse_object(const Answer& answer) { return json::parse(answer.text, nullptr, false); }

std::string clock_text(int64_t ms) {
  constexpr int64_t kPerSecond = 1000, kPerMinute = 60 * kPerSecond;
  return fmt::format("{}:{:02}.{:02}", ms / kPerMinute, ms % kPerMinute / kPerSecond, ms % kPerSecond / 10);
}

Colour colour_of(std::string_view state) {
  if (state == "running") return Colour::kGreen;
  if (state == "zombie") return Colour::kRed;
  return state == "stopped" ? Colour::kYellow : Colour::kNone;
}

// A cell operand's value for a list, or why there is none.
std::string shown_value(Session& session, const std::string& cell) {
  Answer value = call(session.proc, PHI_SYS_mem_read, {cell});
  return value ? one_line(value.text, kShownValue) : paint(session, Colour::kDim, value.text);
}

void print_events(const Session& session, const json& events, std::string& out) {
  for (const json& event : events) {
    if (event.value("call", "") == "YIELD" && event.value("by", "") == "code")
      continue;  // a busy script's, many
    std::string reply = event.value("returned", true) ? event.value("reply", "") : "…";
    std::string line =
        fmt::format("[{} {}] {} = {}", event.value("pid", 0ULL), event.value("program", ""),
                    one_line(event.value("call", ""), kShownCall), one_line(reply, kShownCall));
    out += line +
           paint(session, Colour::kDim,
                 fmt::format("  <{:.1f} us>", static_cast<double>(event.value("took", 0LL)) / 1e3)) +
           "\n";
  }
}

// The events of a process until it ends; what stands in `out` is printed as it comes. Ctrl-C ends the trace,
// and the process too where the shell started it for this.
int follow(Session& session, phi_pid pid, bool own) {
  while (true) {
    Answer answer =
        call(session.proc, PHI_SYS_sys_trace, {std::to_string(pid), std::to_string(kTraceSliceMs)});
    if (!answer && answer.status != PHI_ETIMEDOUT_) return complain(session, "strace: " + answer.text);
    json seen = answer ? parse_object(answer) : json::object();
    if (!seen.is_object()) return complain(session, "strace: the kernel's answer is no JSON");
    std::string lines;
    print_events(session, seen.value("events", json::array()), lines);
    say(lines);
    if (seen.value("ended", false)) return 0;
    if (!TerminalSignals::take_interrupt()) continue;
    if (!own) return kInterrupted;
    call(session.proc, PHI_SYS_proc_signal, {std::to_string(pid), "int"});
  }
}

bool is_pid(const std::string& text) {
  phi_pid pid = 0;
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return error == std::errc() && rest == text.data() + text.size();
}

}  // namespace

std::string process_table(const Session& session, std::string_view text) {
  json all = json::parse(text, nullptr, false);
  if (!all.is_array()) return "";
  std::string out = paint(session, Colour::kBold,
                          fmt::format("{:>6} {:>6} {:8} {:>3} {:>8} {:>6} {:>9} {}", "PID", "PPID", "STATE",
                                      "NI", "TOKENS", "FRAMES", "TIME", "PROGRAM")) +
                    "\n";
  for (const json& p : all) {
    if (!p.is_object()) continue;
    std::string state = p.value("state", "?"), in = p.value("in", "");
    out += fmt::format("{:>6} {:>6} {} {:>3} {:>8} {:>6} {:>9} {}{}\n", p.value("pid", 0ULL),
                       p.value("ppid", 0ULL), paint(session, colour_of(state), fmt::format("{:8}", state)),
                       p.value("niceness", 0), p.value("tokens", 0LL), p.value("frames", 0LL),
                       clock_text(p.value("wall_ms", 0LL)), p.value("program", ""),
                       in.empty() ? "" : paint(session, Colour::kDim, " (" + in + ")"));
  }
  return out;
}

int list_processes(Session& session, const CommandArgs& args, std::string& out) {
  if (!args.empty()) return usage(session, "ps");
  Answer answer = call(session.proc, PHI_SYS_proc_list, {});
  if (!answer) return complain(session, "ps: " + answer.text);
  out += process_table(session, answer.text);
  return 0;
}

// top [TURNS]: a table every second, in place on a terminal, until Ctrl-C.
int watch_processes(Session& session, const CommandArgs& args, std::string& out) {
  int turns = session.interactive ? INT32_MAX : 1;
  if (args.size() > 1) return usage(session, "top");
  if (args.size() == 1) {
    auto [rest, error] = std::from_chars(args[0].data(), args[0].data() + args[0].size(), turns);
    if (error != std::errc() || *rest != '\0' || turns < 1) return usage(session, "top");
  }
  for (int turn = 0; turn < turns; ++turn) {
    std::string table = session.colour ? "\033[H\033[2J" : "";
    if (int code = list_processes(session, {}, table); code != 0) return code;
    if (turns == 1) {
      out += table;
      return 0;
    }
    say(table);
    for (int ms = 0; ms < kTopTurnMs && turn + 1 < turns; ms += kTopSliceMs) {
      call(session.proc, PHI_SYS_proc_sleep, {std::to_string(kTopSliceMs)});
      if (TerminalSignals::take_interrupt()) return 0;
    }
  }
  return 0;
}

int list_cells(Session& session, const CommandArgs& args, std::string& out) {
  if (args.size() > 1) return usage(session, "cells");
  std::vector<std::string> prefixes = args.empty() ? std::vector<std::string>{"", "/shm/", "/mem/"} : args;
  for (const std::string& prefix : prefixes) {
    Answer names = call(session.proc, PHI_SYS_mem_list, {prefix, std::nullopt});
    if (!names) return complain(session, "cells: " + names.text);
    for (const std::string& name : names.words)
      out += fmt::format("{} = {}\n", paint(session, Colour::kBold, name), shown_value(session, name));
  }
  return 0;
}

int list_contexts(Session& session, const CommandArgs& args, std::string& out) {
  if (args.size() == 2 && args[0] == "drop") {
    Answer done = call(session.proc, PHI_SYS_ctx_drop, {args[1]});
    return done ? 0 : complain(session, "ctx: " + done.text);
  }
  if (args.size() > 1) return usage(session, "ctx");
  Args prefixes = {std::nullopt, "/shm/", "/mem/"};
  if (!args.empty()) prefixes = {args[0]};
  for (const auto& prefix : prefixes) {
    Answer names = call(session.proc, PHI_SYS_ctx_list, {prefix});
    if (!names) return complain(session, "ctx: " + names.text);
    for (const std::string& name : names.words) out += name + "\n";
  }
  return 0;
}

// strace PROGRAM [ARGS] | PID
int trace_calls(Session& session, const CommandArgs& args, std::string&) {
  if (args.empty()) return usage(session, "strace");
  Answer begun = call(session.proc, PHI_SYS_sys_trace, {"0", "0"});
  if (!begun) return complain(session, "strace: " + begun.text);
  if (args.size() == 1 && is_pid(args[0])) return follow(session, std::stoull(args[0]), false);
  Stage stage;
  stage.words = args;
  std::string text;
  for (const std::string& arg : args) text += (text.empty() ? "" : " ") + arg;
  auto job = start_job(session, {stage}, text);
  if (!job) return complain(session, job.error().message, job.error().code);
  int code = follow(session, job->pids[0], true);
  int ended = run_foreground(session, std::move(*job));
  return ended != 0 ? ended : code;
}

}  // namespace phios::sh
