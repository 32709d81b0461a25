#include "userland/sh/commands.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "userland/sh/inspect.h"
#include "userland/sh/jobs.h"

namespace phios::sh {
namespace {

std::string joined(const CommandArgs& args) {
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) out += (i ? " " : "") + args[i];
  return out;
}

int echo(Session&, const CommandArgs& args, std::string& out) {
  out += joined(args) + "\n";
  return 0;
}

int succeed(Session&, const CommandArgs&, std::string&) { return 0; }
int fail(Session&, const CommandArgs&, std::string&) { return 1; }

int get(Session& session, const CommandArgs& args, std::string& out) {
  if (args.size() != 1) return usage(session, "get");
  Answer value = call(session.proc, PHI_SYS_mem_read, {args[0]});
  if (!value) return complain(session, "get: " + value.text);
  out += value.text + "\n";
  return 0;
}

int set(Session& session, const CommandArgs& args, std::string&) {
  if (args.size() < 2) return usage(session, "set");
  Answer done = call(session.proc, PHI_SYS_mem_write, {args[0], joined({args.begin() + 1, args.end()})});
  return done ? 0 : complain(session, "set: " + done.text);
}

int del(Session& session, const CommandArgs& args, std::string&) {
  if (args.empty()) return usage(session, "del");
  for (const std::string& cell : args)
    if (Answer done = call(session.proc, PHI_SYS_mem_delete, {cell}); !done)
      return complain(session, "del: " + done.text);
  return 0;
}

int jobs(Session& session, const CommandArgs& args, std::string& out) {
  if (!args.empty()) return usage(session, "jobs");
  reap_jobs(session);
  for (const Job& job : session.jobs) out += job_line(session, job);
  return 0;
}

// The job that the arguments name, or the last one; taken off the list.
bool take_job(Session& session, const CommandArgs& args, const char* command, Job& out) {
  std::string name = args.empty() ? "%%" : args[0];
  Job* job = args.size() > 1 ? nullptr : find_job(session, name);
  if (!job) {
    complain(session, fmt::format("{}: no such job: {}", command, name));
    return false;
  }
  out = std::move(*job);
  session.jobs.erase(session.jobs.begin() + (job - session.jobs.data()));
  return true;
}

int fg(Session& session, const CommandArgs& args, std::string&) {
  Job job;
  if (!take_job(session, args, "fg", job)) return 1;
  say(job.text + "\n");
  job.stopped = false;
  signal_job(session, job, "cont");
  return run_foreground(session, std::move(job));
}

int bg(Session& session, const CommandArgs& args, std::string& out) {
  Job job;
  if (!take_job(session, args, "bg", job)) return 1;
  job.stopped = false;
  signal_job(session, job, "cont");
  out += job_line(session, job);
  session.jobs.push_back(std::move(job));
  return 0;
}

// wait [JOB]: a background job, or all that run.
int wait(Session& session, const CommandArgs& args, std::string&) {
  if (args.size() > 1) return usage(session, "wait");
  int code = 0;
  if (!args.empty()) {
    Job job;
    return take_job(session, args, "wait", job) ? run_foreground(session, std::move(job)) : 127;
  }
  std::vector<Job> running;
  for (Job& job : session.jobs)
    if (!job.stopped) running.push_back(std::move(job));
  std::erase_if(session.jobs, [](const Job& job) { return !job.stopped; });
  for (Job& job : running) code = run_foreground(session, std::move(job));
  return code;
}

// kill [-SIGNAL] PID|%JOB …
int kill(Session& session, const CommandArgs& args, std::string&) {
  size_t first = !args.empty() && args[0].starts_with('-') ? 1 : 0;
  std::string signal = first ? args[0].substr(1) : "term";
  if (args.size() == first) return usage(session, "kill");
  for (size_t i = first; i < args.size(); ++i) {
    if (Job* job = find_job(session, args[i])) {
      signal_job(session, *job, signal.c_str());
      if (signal == "cont") job->stopped = false;
      if (signal == "stop") job->stopped = true;
      if (args[i].starts_with('%')) continue;
    }
    Answer done = call(session.proc, PHI_SYS_proc_signal, {args[i], signal});
    if (!done) return complain(session, "kill: " + done.text);
  }
  return 0;
}

int leave(Session& session, const CommandArgs& args, std::string&) {
  int code = session.status;
  if (args.size() > 1) return usage(session, "exit");
  if (!args.empty()) {
    auto [rest, error] = std::from_chars(args[0].data(), args[0].data() + args[0].size(), code);
    if (error != std::errc() || *rest != '\0') return usage(session, "exit");
  }
  session.exiting = true;
  return code & 0xff;
}

int help(Session& session, const CommandArgs& args, std::string& out) {
  if (args.size() > 1) return usage(session, "help");
  if (args.size() == 1) {
    const ShellCommand* command = find_command(args[0]);
    if (!command) return complain(session, "help: no such command: " + args[0]);
    out += fmt::format("{}\n  {}\n", command->usage, command->help);
    return 0;
  }
  for (const ShellCommand& command : shell_commands())
    out += fmt::format("{:34} {}\n", command.usage, command.help);
  out +=
      "\nWhatever else stands first is a program. $NAME is a cell, $? the last status; ' \" \\ quote.\n"
      "A | B   A && B   A || B   A ; B   A &   < FILE   > FILE   >> FILE   < @CELL   > @CELL\n";
  return 0;
}

constexpr ShellCommand kCommands[] = {
    {"ask", "ask QUESTION", "answer a question with the program solve", nullptr},
    {"bg", "bg [JOB]", "let a stopped job go on in the background", bg},
    {"cat", "cat", "copy input to output, line by line", nullptr},
    {"cells", "cells [PREFIX]", "list cells and their values", list_cells},
    {"ctx", "ctx [PREFIX] | ctx drop NAME", "list named contexts, or forget one", list_contexts},
    {"del", "del CELL ...", "make cells absent", del},
    {"echo", "echo WORD ...", "print words", echo},
    {"exit", "exit [CODE]", "leave the shell", leave},
    {"false", "false", "fail", fail},
    {"fg", "fg [JOB]", "bring a job to the foreground", fg},
    {"get", "get CELL", "print a cell", get},
    {"help", "help [COMMAND]", "list the commands, or tell about one", help},
    {"jobs", "jobs", "list jobs in the background", jobs},
    {"kill", "kill [-SIGNAL] PID|%JOB ...", "signal processes: term, int, kill, stop, cont", kill},
    {"nice", "nice N PROGRAM ... | nice N PID", "run a program, or let one go on, with a niceness", nullptr},
    {"ps", "ps", "list processes", list_processes},
    {"run", "run PROGRAM [ARG ...]", "run a program; the word run may be left out", nullptr},
    {"set", "set CELL WORD ...", "write a cell", set},
    {"sleep", "sleep SECONDS", "wait", nullptr},
    {"strace", "strace PROGRAM [ARG ...] | strace PID", "print system calls and their answers", trace_calls},
    {"top", "top [TURNS]", "list processes every second", watch_processes},
    {"true", "true", "succeed", succeed},
    {"wait", "wait [JOB]", "wait for background jobs", wait},
};
static_assert(std::ranges::is_sorted(kCommands, {}, &ShellCommand::name));

}  // namespace

std::span<const ShellCommand> shell_commands() { return kCommands; }

const ShellCommand* find_command(std::string_view name) {
  auto at = std::ranges::lower_bound(kCommands, name, {}, &ShellCommand::name);
  return at != std::end(kCommands) && at->name == name ? &*at : nullptr;
}

int usage(const Session& session, std::string_view name) {
  const ShellCommand* command = find_command(name);
  return complain(session, fmt::format("usage: {}", command ? command->usage : name), 2);
}

}  // namespace phios::sh
