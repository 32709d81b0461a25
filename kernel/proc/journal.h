// Journal: the text of system calls and their answers, kept only while someone reads it (strace, eval,
// sys_trace). The trace rings keep times, this keeps words.
//
// Ownership: the kernel. Threads: any. Bound: kMax entries; older ones are dropped and counted.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/base/env.h"
#include "kernel/base/id.h"

namespace phios {

struct JournalEntry {
  uint64_t sequence = 0;  // of the journal
  Nanos at = 0;           // when the call was made
  Nanos took = 0;
  Pid pid, parent;
  std::string program;
  std::string call;   // "READ n"
  std::string reply;  // "5", "!ENOENT …", or "" with no_return
  bool by_model = false;
  bool no_return = false;
};

class Journal {
 public:
  static constexpr size_t kMax = 65536;

  bool wanted() const noexcept { return readers_.load(std::memory_order_relaxed) > 0; }
  void add_reader() noexcept { readers_.fetch_add(1); }
  void drop_reader() noexcept { readers_.fetch_sub(1); }
  void add(JournalEntry entry) {
    std::lock_guard lock(mutex_);
    entry.sequence = next_++;
    entries_.push_back(std::move(entry));
    if (entries_.size() > kMax) entries_.pop_front();
  }
  // Entries from `cursor` on; moves it past them. `lost` counts those that were dropped before they were
  // read.
  std::vector<JournalEntry> read(uint64_t& cursor, uint64_t& lost) const {
    std::lock_guard lock(mutex_);
    const uint64_t first = next_ - entries_.size();
    if (cursor < first) lost += first - cursor, cursor = first;
    std::vector<JournalEntry> out(entries_.begin() + static_cast<ptrdiff_t>(cursor - first), entries_.end());
    cursor = next_;
    return out;
  }

 private:
  std::atomic<int> readers_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::deque<JournalEntry> entries_;
  uint64_t next_ = 0;
};

}  // namespace phios
