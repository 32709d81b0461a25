#include "userland/sh/interpreter.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>

#include "userland/sh/commands.h"
#include "userland/sh/jobs.h"
#include "userland/sh/stage.h"

namespace phios::sh {
namespace {

constexpr int kInterrupted = 130;

std::optional<int> to_int(const std::string& text) {
  int value = 0;
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

// "nice N PROGRAM …" becomes the program; nothing where the words are wrong.
bool take_nice(Stage& stage) {
  std::optional<int> niceness = stage.words.size() > 2 ? to_int(stage.words[1]) : std::nullopt;
  if (!niceness) return false;
  stage.niceness = *niceness;
  stage.words.erase(stage.words.begin(), stage.words.begin() + 2);
  return true;
}

// "ask WORD …" becomes solve with the words as one question.
bool take_question(Stage& stage) {
  if (stage.words.size() < 2) return false;
  std::string question = stage.words[1];
  for (size_t i = 2; i < stage.words.size(); ++i) question += " " + stage.words[i];
  stage.words = {"solve", question};
  return true;
}

// What the first word means. A command of the shell has run when this returns, and its output is the stage's
// text.
std::expected<Stage, Failure> resolve(Session& session, Stage stage, int& code) {
  auto wrong = [&](const char* name) {
    return std::unexpected(Failure{fmt::format("usage: {}", find_command(name)->usage), 2});
  };
  if (stage.words[0] == "nice" && !take_nice(stage)) return wrong("nice");
  if (stage.words[0] == "run") {
    if (stage.words.size() < 2) return wrong("run");
    stage.words.erase(stage.words.begin());
    return stage;
  }
  if (stage.words[0] == "ask" && !take_question(stage)) return wrong("ask");
  const ShellCommand* command = find_command(stage.words[0]);
  if (!command) return stage;
  if (command->run) {
    stage.kind = Stage::Kind::kText;
    code = command->run(session, {stage.words.begin() + 1, stage.words.end()}, stage.text);
  } else {
    stage.kind = command->name == "cat" ? Stage::Kind::kCat : Stage::Kind::kSleep;
  }
  return stage;
}

// nice N PID: of a process that runs already.
std::optional<int> renice(Session& session, const Stage& stage) {
  if (stage.words[0] != "nice" || stage.words.size() != 3 || !to_int(stage.words[2])) return std::nullopt;
  Answer done = call(session.proc, PHI_SYS_proc_nice, {stage.words[2], stage.words[1]});
  return done ? 0 : complain(session, "nice: " + done.text);
}

int run_pipeline(Session& session, const Pipeline& pipeline, bool background) {
  std::vector<Stage> stages;
  int code = 0;
  for (const Command& command : pipeline.commands) {
    auto stage = make_stage(session, command);
    if (!stage) return complain(session, stage.error().message, stage.error().code);
    if (pipeline.commands.size() == 1)
      if (std::optional<int> done = renice(session, *stage)) return *done;
    auto ready = resolve(session, std::move(*stage), code);
    if (!ready) return complain(session, ready.error().message, ready.error().code);
    stages.push_back(std::move(*ready));
  }
  const Stage& only = stages.front();
  if (stages.size() == 1 && only.kind == Stage::Kind::kText && only.output.empty()) {
    say(only.text);
    return code;
  }
  if (background && stages.front().input.empty()) stages.front().input = "null";
  bool text_last = stages.back().kind == Stage::Kind::kText;
  auto job = start_job(session, std::move(stages), pipeline.text);
  if (!job) return complain(session, job.error().message, job.error().code);
  if (background) {
    run_background(session, std::move(*job));
    return 0;
  }
  int ended = run_foreground(session, std::move(*job));
  return text_last && ended == 0 ? code : ended;
}

// Does the next item run, after one that is connected to it like this?
bool goes_on(Item::After after, int status) {
  if (after == Item::After::kAnd) return status == 0;
  return after != Item::After::kOr || status != 0;
}

}  // namespace

int run_items(Session& session, const std::vector<Item>& items) {
  bool runs = true;
  for (const Item& item : items) {
    if (runs) {
      session.line = item.pipeline.commands.front().line;
      session.status = run_pipeline(session, item.pipeline, item.after == Item::After::kBackground);
      if (!session.interactive && TerminalSignals::take_interrupt()) {
        session.status = kInterrupted;
        session.exiting = true;
      }
      if (session.exiting) return session.status;
    }
    runs = goes_on(item.after, session.status);
  }
  return session.status;
}

int run_text(Session& session, std::string_view text) {
  auto items = parse(text, session.line);
  if (items) return run_items(session, *items);
  session.line = items.error().line;
  return session.status = complain(session, items.error().message, 2);
}

}  // namespace phios::sh
