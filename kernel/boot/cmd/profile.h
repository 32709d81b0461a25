// Readers of the event trace for one run: the table of `run --profile`, and the file of `run --trace` for
// Perfetto.
//
// Ownership: borrows the System. Threads: one. Order: poll() often enough that the rings do not wrap (what
// was lost is told), then report.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/trace.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"
#include "kernel/sched/batcher.h"

namespace phios {

class Profile {
 public:
  explicit Profile(System& system);
  void poll();
  std::string table() const;                             // for people
  std::string json() const;                              // the same numbers
  Status write_perfetto(const std::string& path) const;  // Chrome trace events, which ui.perfetto.dev opens

 private:
  struct Numbers;
  Numbers count() const;

  System& system_;
  Trace::Cursor cursor_;
  std::vector<Event> events_;
  BatcherStats before_;
  RuntimeStats runtime_before_;
  TokenCounts tokens_before_;
  Nanos began_;
};

}  // namespace phios
