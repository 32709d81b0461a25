// Process: pid, parent, rights, budget, cells, streams, mailbox, and a body: a prompt program stepped by the
// kernel, native code on a fiber, or a handle held by the embedding program.
//
// Ownership: the ProcessTable holds every process until it is reaped; callbacks hold it while they need it.
// Threads: any; `mutex_` guards the changing state and is never held across a call out. One system call of a
// process is under way at a time. Lifetime: new → ready → running ⇄ trapped/waiting → zombie → reaped.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/id.h"
#include "kernel/proc/budget.h"
#include "kernel/proc/channel.h"
#include "kernel/proc/open_files.h"
#include "kernel/proc/pending_call.h"
#include "kernel/proc/program.h"
#include "kernel/proc/stream.h"
#include "mm/store/cells.h"
#include "syscalls/codec/rights.h"

namespace phios {

enum class ProcessState : uint8_t { kNew, kReady, kRunning, kTrapped, kWaiting, kStopped, kZombie };
std::string_view state_name(ProcessState state);

enum class Signal : uint8_t { kNone, kInt, kTerm, kKill, kStop, kCont };
Result<Signal> parse_signal(std::string_view name);
std::string_view signal_name(Signal signal);

// Processes that share /shm/ cells and are signalled together (a job of the shell).
struct ProcessGroup {
  explicit ProcessGroup(uint64_t number) : id(number), shared(PHI_CELLS_MAX) {}
  const uint64_t id;
  CellStore shared;
};
using GroupRef = std::shared_ptr<ProcessGroup>;

// How a process ended: 0 and its exit value, or an error.
struct ExitStatus {
  int code = 0;  // 0, or an ErrorCode's number
  std::string value;
};

class Process;
using ProcessRef = std::shared_ptr<Process>;
class Kernel;

// What runs in a process. Methods are called by the kernel; a body calls Process::finish once.
class Body {
 public:
  virtual ~Body() = default;
  virtual void start() = 0;
  virtual void signalled(Signal signal) = 0;  // int, term, kill, stop, cont
  virtual Decoder* decoder() { return nullptr; }
  virtual bool is_model() const { return false; }  // its calls are frames that the model wrote
};

struct ProcessStats {
  std::atomic<uint64_t> syscalls{0}, traps{0}, run_ns{0};
  TokenCounts tokens;  // of decoders that are gone; guarded by the process's mutex
};

class Process : public std::enable_shared_from_this<Process> {
 public:
  Process(Kernel& kernel, Pid pid, ProcessRef parent, uint64_t seed);
  ~Process();

  Kernel& kernel() const { return kernel_; }
  Pid pid() const { return pid_; }
  Pid parent_pid() const;
  ProcessRef parent() const;
  uint64_t seed() const { return seed_; }
  uint64_t next_child_seed() { return derive_seed(seed_, children_started_.fetch_add(1)); }
  uint64_t random(uint64_t n);  // below n, from the process's seed

  // Set while it is new; read freely afterwards.
  std::string name;
  RightSet rights;
  std::shared_ptr<Budget> budget;
  GroupRef group;
  std::shared_ptr<CellStore> cells;  // may be its parent's own (phi_spawn_options.copy_cells 2)
  ChannelRef mailbox;
  InputRef input;
  OutputRef output;
  OpenFiles files;
  ProcessStats stats;
  std::atomic<int> niceness{0};
  std::atomic<uint64_t> call_sequence{0};
  std::atomic<uint16_t> in_call{0};      // the call under way, 0: none
  std::shared_ptr<void> journal_reader;  // sys_trace's place, while the process reads events
  int64_t charged_cells = 0;             // of its own calls, which come one at a time
  Nanos started_at = 0;

  ProcessState state() const { return state_.load(std::memory_order_relaxed); }
  void set_state(ProcessState state);

  std::shared_ptr<Body> body() const;
  void set_body(std::shared_ptr<Body> body);
  void arm_wall_timer();  // after the budget's deadline moved
  // EXEC: what runs once the present body has ended.
  void set_next_image(ImageRef image);
  ImageRef take_next_image();

  // The call under way, so that a signal can end it.
  void set_pending(PendingRef call);
  void clear_pending();

  // Delivers a signal: default actions, see docs/architecture.md. Threads: any.
  void signal(Signal signal);
  bool told_to_end() const { return ending_.load(std::memory_order_acquire); }
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  // While the process is stopped: keeps what it was about to do until it is continued or ended. False: it is
  // not stopped.
  bool defer_while_stopped(std::function<void()> what);
  void set_exit_value(std::string value);
  std::string take_exit_value();
  std::string end_reason() const;

  // The body has ended. The process becomes a zombie, gives everything back, and its parent hears of it.
  // Once.
  void finish(ExitStatus status);
  ExitStatus exit_status() const;
  TokenCounts token_counts() const;  // of decoders gone and present; exact once the process has ended
  void add_token_counts(const TokenCounts& counts);

 private:
  friend class ProcessTable;
  Kernel& kernel_;
  const Pid pid_;
  const uint64_t seed_;
  std::atomic<uint64_t> children_started_{0};
  std::atomic<uint64_t> random_drawn_{0};
  std::atomic<ProcessState> state_{ProcessState::kNew};
  std::atomic<Nanos> ready_since_{0};  // when it became ready for a reactor; 0: it is not
  std::atomic<bool> ending_{false}, stopped_{false}, finished_{false};
  mutable std::mutex mutex_;  // guards what follows
  ProcessRef parent_;
  std::shared_ptr<Body> body_;
  std::function<void()> deferred_;
  std::string exit_value_;
  ImageRef next_image_;
  PendingRef pending_;
  ExitStatus exit_;
  Runtime::TimerId wall_timer_ = 0;
  std::string end_reason_;
  // Guarded by the ProcessTable's mutex.
  std::vector<Pid> children_;
  struct ChildWaiter {
    std::optional<Pid> pid;
    PendingRef call;
  };
  std::vector<ChildWaiter> waiters_;
};

}  // namespace phios
