// NOW RANDOM and the events of processes.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

constexpr Nanos kTracePoll = 20 * kMillisecond;  // how often a waiting reader looks again

void now(const Invocation& in) { in.answer(std::to_string(in.kernel.env().now())); }

void random(const Invocation& in) {
  const Result<int64_t> n = in.integer(0, 1, INT64_MAX);
  if (!n) return in.answer(std::unexpected(n.error()));
  in.answer(std::to_string(in.process->random(static_cast<uint64_t>(*n))));
}

// A reader's place in the journal, kept with the reading process. While one exists, the journal is written.
class JournalReader {
 public:
  explicit JournalReader(Kernel& kernel) : kernel_(kernel) { kernel_.journal().add_reader(); }
  ~JournalReader() { kernel_.journal().drop_reader(); }
  std::vector<JournalEntry> read() { return kernel_.journal().read(cursor, lost); }
  uint64_t cursor = 0, lost = 0;

 private:
  Kernel& kernel_;
};

nlohmann::json to_json(const JournalEntry& e) {
  return {{"at", e.at},
          {"took", e.took},
          {"pid", e.pid.value},
          {"ppid", e.parent.value},
          {"program", e.program},
          {"call", e.call},
          {"reply", e.reply},
          {"by", e.by_model ? "model" : "code"},
          {"returned", !e.no_return}};
}

void poll_events(const Invocation& in, Pid wanted, Nanos deadline) {
  auto reader = std::static_pointer_cast<JournalReader>(in.process->journal_reader);
  nlohmann::json events = nlohmann::json::array();
  for (const JournalEntry& entry : reader->read()) {
    if (entry.pid == wanted || in.kernel.table().is_descendant(entry.pid, wanted) || entry.parent == wanted)
      events.push_back(to_json(entry));
  }
  const ProcessRef target = in.kernel.table().find(wanted);
  const bool ended = !target || target->state() == ProcessState::kZombie;
  if (events.empty() && !ended && in.kernel.env().now() < deadline && !in.pending->done()) {
    in.kernel.runtime().arm_timer(in.kernel.env().now() + kTracePoll,
                                  [in, wanted, deadline] { poll_events(in, wanted, deadline); });
    return;
  }
  in.answer(nlohmann::json{{"events", events}, {"lost", reader->lost}, {"ended", ended}}.dump());
}

void trace(const Invocation& in) {
  const Result<int64_t> pid = in.integer(0, 0, INT64_MAX);
  if (!pid) return in.answer(std::unexpected(pid.error()));
  const Result<Nanos> deadline = in.deadline_ms(1);
  if (!deadline) return in.answer(std::unexpected(deadline.error()));
  if (!in.process->journal_reader) {
    auto reader = std::make_shared<JournalReader>(in.kernel);
    (void)reader->read();  // from now on
    reader->lost = 0;
    in.process->journal_reader = reader;
  }
  // pid 0 only begins the reading: what is started next is seen from its first call.
  if (*pid == 0)
    return in.answer(
        nlohmann::json{{"events", nlohmann::json::array()}, {"lost", 0}, {"ended", false}}.dump());
  poll_events(in, Pid{static_cast<uint64_t>(*pid)}, *deadline);
}

}  // namespace

Handler sys_handler(Sys call) {
  switch (call) {
    case Sys::sys_now:
      return now;
    case Sys::sys_random:
      return random;
    case Sys::sys_trace:
      return trace;
    default:
      return nullptr;
  }
}

}  // namespace phios
