// Jobs: pipelines that run in the foreground, in the background, or are stopped.
//
// Threads: that of the shell. A Ctrl-C goes to the job in the foreground as int, the next as term, then kill;
// a Ctrl-Z stops it.
#pragma once

#include <string>
#include <vector>

#include "userland/sh/session.h"
#include "userland/sh/stage.h"

namespace phios::sh {

// While one lives, SIGINT (and SIGTSTP where a person types) are counted instead of ending the program.
class TerminalSignals {
 public:
  explicit TerminalSignals(bool interactive);
  ~TerminalSignals();
  TerminalSignals(const TerminalSignals&) = delete;
  TerminalSignals& operator=(const TerminalSignals&) = delete;

  static void forget();          // what was pressed at the prompt was meant for the prompt
  static bool take_interrupt();  // was there a Ctrl-C since the last call?
  static bool take_stop();       // a Ctrl-Z?

 private:
  bool interactive_;
};

// Starts every stage; on failure those that were started are ended.
std::expected<Job, Failure> start_job(Session& session, std::vector<Stage> stages, std::string text);

// Waits for it in the foreground and reports how it ended; a job that is stopped joins the list. The exit
// code.
int run_foreground(Session& session, Job job);
void run_background(Session& session, Job job);

// Takes what has ended off the list, and tells a person.
void reap_jobs(Session& session);
Job* find_job(Session& session, const std::string& name);  // "%1", "%%" or a pid; null: none
void signal_job(Session& session, const Job& job, const char* signal);
std::string job_line(const Session& session, const Job& job);

}  // namespace phios::sh
