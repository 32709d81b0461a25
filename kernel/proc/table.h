// ProcessTable: every process by pid, who is whose child, zombies and who waits for them. init (pid 1) adopts
// orphans and reaps them.
//
// Ownership: holds each process until it is reaped. Threads: any, at once; one lock, never held across a call
// out of the table. Errors: ELIMIT_ (table full, or the parent's budget of children), ECHILD_, ENOENT_.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/proc/process.h"

namespace phios {

struct SpawnSpec {
  std::string name;
  ImageRef image;                  // null: the caller sets a body of its own
  std::vector<std::string> args;   // cells 1…n
  std::optional<RightSet> rights;  // none: the parent's; else what of them the parent has
  std::vector<std::pair<Resource, int64_t>> limits;
  InputRef input;  // null: the parent's
  OutputRef output;
  int niceness = 0;
  bool new_group = false;
  enum class Cells : uint8_t { kFresh, kCopied, kParents } cells = Cells::kFresh;
};

class ProcessTable {
 public:
  explicit ProcessTable(Kernel& kernel) : kernel_(kernel) {}

  // Makes init: every right, no parent.
  ProcessRef make_init(InputRef input, OutputRef output);
  // A new process, not yet started: set a body, then start it. All is checked before anything changes.
  Result<ProcessRef> create(const ProcessRef& parent, SpawnSpec spec);
  // create, and the body that the image asks for, and start.
  Result<ProcessRef> spawn(const ProcessRef& parent, SpawnSpec spec);
  // Gives a process the body that an image asks for and starts it (EXEC).
  Status start_image(const ProcessRef& process, ImageRef image);

  ProcessRef find(Pid pid) const;
  ProcessRef init() const { return init_; }
  std::vector<ProcessRef> list() const;
  std::vector<ProcessRef> descendants(Pid pid) const;
  bool is_descendant(Pid pid, Pid ancestor) const;
  GroupRef find_group(uint64_t id) const;
  GroupRef make_group();

  // Waits for one child (or any): answers pid and exit value, a third word names the error if it failed. The
  // child is reaped.
  void wait(const ProcessRef& parent, std::optional<Pid> child, PendingRef call);
  void on_finished(const ProcessRef& process);
  // Kills everything below init and waits until it is gone, at most until the deadline; the number still
  // alive.
  size_t shut_down(Nanos timeout);
  size_t alive() const;

 private:
  struct SlotEntry {
    ProcessRef process;
    uint64_t generation = 0;
  };
  Result<Pid> take_slot();
  void release_slot(Pid pid);
  ProcessRef find_locked(Pid pid) const;
  ProcessRef reap_locked(Pid pid);

  Kernel& kernel_;
  mutable std::mutex mutex_;  // guards what follows, and children_ and waiters_ of every process
  std::condition_variable gone_;
  std::vector<SlotEntry> slots_{1};  // slot 0 is no process
  std::deque<uint32_t> free_;
  std::vector<std::weak_ptr<ProcessGroup>> groups_;
  uint64_t next_group_ = 1;
  size_t alive_ = 0;
  ProcessRef init_;
};

}  // namespace phios
