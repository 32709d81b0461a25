// Kernel: the services that processes use, gathered. It decides nothing itself.
//
// Ownership: kernel/boot makes every part and this, and outlives all processes. Threads: each part says for
// itself.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "drivers/api/retrieval.h"
#include "drivers/api/solver.h"
#include "drivers/api/tool.h"
#include "kernel/proc/channel.h"
#include "kernel/proc/decoder.h"
#include "kernel/proc/journal.h"
#include "kernel/proc/process.h"
#include "kernel/proc/program.h"
#include "kernel/proc/table.h"
#include "mm/store/context_store.h"
#include "mm/store/durable.h"

struct phi_kernel;  // of the C ABI

namespace phios {

// The only way from the kernel to the handlers of system calls. Implemented by syscalls/dispatch.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  // Checks rights and form, runs the handler, answers exactly once (perhaps before it returns, perhaps on
  // another thread).
  virtual void dispatch(const ProcessRef& process, Call call, Nanos deadline, OutcomeDone done) = 0;
};

// Contexts that were SAVEd and live as long as the kernel, by name: private ones of a process ("pid/name")
// and /shm/ ones of a group. Those of /mem/ are mm/store/context_store.h's.
class NamedContexts {
 public:
  static constexpr size_t kMax = 1024;
  Status save(const std::string& key, SavedContext saved);  // ELIMIT_ past kMax
  Result<std::shared_ptr<const SavedContext>> load(const std::string& key) const;
  Status drop(const std::string& key);
  std::vector<std::string> list(const std::string& prefix) const;
  void drop_all(const std::string& prefix);

 private:
  mutable std::mutex mutex_;  // guards contexts_
  std::map<std::string, std::shared_ptr<const SavedContext>> contexts_;
};

// Mask tables by grammar: programs of the same rights, labels and form share one.
class MaskTables {
 public:
  static constexpr size_t kMax = 256;
  explicit MaskTables(std::shared_ptr<const Vocabulary> vocabulary) : vocabulary_(std::move(vocabulary)) {}
  Result<Matcher> matcher(const GrammarSpec& spec);

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::mutex mutex_;  // guards tables_
  std::map<uint64_t, std::pair<std::shared_ptr<const Grammar>, std::shared_ptr<const MaskTable>>> tables_;
};

// How long calls of each number took so far: a moving average. Threads: any.
class CallTimes {
 public:
  void took(uint16_t number, Nanos time) noexcept {
    std::atomic<Nanos>& mean = means_[number % kNumbers];
    const Nanos before = mean.load(std::memory_order_relaxed);
    mean.store(before + (time - before) / kWeight, std::memory_order_relaxed);
  }
  Nanos expected(uint16_t number) const noexcept {
    return means_[number % kNumbers].load(std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kNumbers = 128;
  static constexpr Nanos kWeight = 8;  // the newest counts for an eighth
  std::array<std::atomic<Nanos>, kNumbers> means_{};
};

class Kernel {
 public:
  struct Parts {
    Env& env;
    Trace& trace;
    Runtime& runtime;
    DecodeServices& decode;
    MaskTables& masks;
    ProgramRegistry& programs;
    DurableCells* durable;  // null: /mem/ cells are EIO_
    ToolDriver* tools;
    RetrievalDriver* retrieval;
    SolverDriver* solvers;
    std::string no_durable_why;    // why durable is null
    ContextStore* saved_contexts;  // null: /mem/ contexts are EIO_
    std::string no_contexts_why;   // why saved_contexts is null
  };
  explicit Kernel(Parts parts) : parts_(std::move(parts)) {}

  Env& env() const { return parts_.env; }
  Trace& trace() const { return parts_.trace; }
  Runtime& runtime() const { return parts_.runtime; }
  DecodeServices& decode() const { return parts_.decode; }
  MaskTables& masks() const { return parts_.masks; }
  ProgramRegistry& programs() const { return parts_.programs; }
  const Parts& parts() const { return parts_; }
  ProcessTable& table() { return table_; }
  ChannelTable& channels() { return channels_; }
  NamedContexts& contexts() { return contexts_; }
  Journal& journal() { return journal_; }
  CallTimes& call_times() { return call_times_; }
  Dispatcher& dispatcher() const { return *dispatcher_; }
  void set_dispatcher(Dispatcher& dispatcher) { dispatcher_ = &dispatcher; }
  // The embedding program's handle, for those who are given only a process.
  phi_kernel* owner() const { return owner_; }
  void set_owner(phi_kernel* owner) { owner_ = owner; }

  // Token counts of processes that ended.
  void add_ended(const TokenCounts& counts);
  TokenCounts ended_counts() const;

 private:
  Parts parts_;
  ProcessTable table_{*this};
  ChannelTable channels_;
  NamedContexts contexts_;
  Journal journal_;
  CallTimes call_times_;
  Dispatcher* dispatcher_ = nullptr;
  phi_kernel* owner_ = nullptr;
  mutable std::mutex mutex_;  // guards ended_
  TokenCounts ended_;
};

}  // namespace phios
