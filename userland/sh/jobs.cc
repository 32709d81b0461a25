#include "userland/sh/jobs.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <csignal>

namespace phios::sh {
namespace {

constexpr int kSliceMs = 20;  // how long a Ctrl-C may go unseen
constexpr int kStoppedCode = 128 + SIGTSTP;

std::atomic<bool> interrupted, stop_asked;  // written by a signal handler
static_assert(std::atomic<bool>::is_always_lock_free);
struct sigaction old_interrupt, old_stop;

void note(int signal) { (signal == SIGINT ? interrupted : stop_asked) = true; }

// Collects the stages that have ended; waits at most `ms` for each.
void collect(Session& session, Job& job, int ms) {
  std::erase_if(job.alive, [&](phi_pid pid) {
    std::optional<End> end = wait_for(session.proc, pid, ms);
    if (!end) return false;
    if (pid == job.pids.back()) job.last = *end;
    return true;
  });
}

int report(Session& session, const Job& job) {
  if (!job.last.error.empty())
    complain(session, fmt::format("{}: {} ({})", job.text, job.last.value, job.last.error));
  else if (job.shows_value && !job.last.value.empty())
    say(job.last.value + "\n");
  return exit_code(job.last);
}

int stop_job(Session& session, Job job) {
  signal_job(session, job, "stop");
  job.stopped = true;
  say("\n" + job_line(session, job));
  session.jobs.push_back(std::move(job));
  return kStoppedCode;
}

int free_number(const Session& session) {
  int number = 0;
  for (const Job& job : session.jobs) number = std::max(number, job.number);
  return number + 1;
}

}  // namespace

TerminalSignals::TerminalSignals(bool interactive) : interactive_(interactive) {
  struct sigaction action{};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  forget();
  sigaction(SIGINT, &action, &old_interrupt);
  if (interactive_) sigaction(SIGTSTP, &action, &old_stop);
}

TerminalSignals::~TerminalSignals() {
  sigaction(SIGINT, &old_interrupt, nullptr);
  if (interactive_) sigaction(SIGTSTP, &old_stop, nullptr);
}

void TerminalSignals::forget() { interrupted = stop_asked = false; }
bool TerminalSignals::take_interrupt() { return interrupted.exchange(false); }
bool TerminalSignals::take_stop() { return stop_asked.exchange(false); }

std::expected<Job, Failure> start_job(Session& session, std::vector<Stage> stages, std::string text) {
  Job job;
  job.number = free_number(session);
  job.text = std::move(text);
  job.shows_value = stages.back().kind == Stage::Kind::kProgram && stages.back().output.empty();
  for (size_t i = 0; i + 1 < stages.size(); ++i) {
    std::string pipe = fmt::format("chan:sh.{}.{}", phi_proc_pid(session.proc), ++session.pipes_made);
    if (stages[i].output.empty()) stages[i].output = pipe;
    if (stages[i + 1].input.empty()) stages[i + 1].input = pipe;
  }
  for (const Stage& stage : stages) {
    auto pid = start_stage(session, stage);
    if (!pid) {
      signal_job(session, job, "kill");
      while (!job.alive.empty()) collect(session, job, kSliceMs);
      return std::unexpected(pid.error());
    }
    job.pids.push_back(*pid);
    job.alive.push_back(*pid);
  }
  return job;
}

int run_foreground(Session& session, Job job) {
  constexpr const char* kInsist[] = {"int", "term", "kill"};
  size_t pressed = 0;
  while (!job.alive.empty()) {
    collect(session, job, kSliceMs);
    if (TerminalSignals::take_interrupt() && !job.alive.empty())
      signal_job(session, job, kInsist[std::min(pressed++, std::size(kInsist) - 1)]);
    if (TerminalSignals::take_stop() && !job.alive.empty()) return stop_job(session, std::move(job));
  }
  if (pressed > 0 && session.interactive) say("\n");
  return report(session, job);
}

void run_background(Session& session, Job job) {
  if (session.interactive) say(fmt::format("[{}] {}\n", job.number, job.pids.back()));
  session.jobs.push_back(std::move(job));
}

void reap_jobs(Session& session) {
  for (Job& job : session.jobs) {
    if (job.stopped) continue;
    collect(session, job, 0);
    if (!job.alive.empty()) continue;
    if (session.interactive) say(job_line(session, job));
    report(session, job);
  }
  std::erase_if(session.jobs, [](const Job& job) { return job.alive.empty(); });
}

Job* find_job(Session& session, const std::string& name) {
  if (name == "%%" && !session.jobs.empty()) return &session.jobs.back();
  for (Job& job : session.jobs) {
    if (name == fmt::format("%{}", job.number)) return &job;
    for (phi_pid pid : job.pids)
      if (name == std::to_string(pid)) return &job;
  }
  return nullptr;
}

void signal_job(Session& session, const Job& job, const char* signal) {
  for (phi_pid pid : job.alive) call(session.proc, PHI_SYS_proc_signal, {std::to_string(pid), signal});
}

std::string job_line(const Session& session, const Job& job) {
  auto [state, colour] = job.alive.empty() ? std::pair("done", Colour::kDim)
                         : job.stopped     ? std::pair("stopped", Colour::kYellow)
                                           : std::pair("running", Colour::kGreen);
  return fmt::format("[{}] {} {}\n", job.number, paint(session, colour, fmt::format("{:8}", state)),
                     job.text);
}

}  // namespace phios::sh
