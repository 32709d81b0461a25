// The event trace: one ring of fixed-size records for each core, written without locks, and its readers.
//
// Ownership: the kernel owns the Trace. Threads: emit() by any thread (a thread writes only the ring it was
// bound to, or ring 0 under its lock); collect() by any thread, while writers go on: a record that was
// overwritten meanwhile is dropped, and counted. Units: nanoseconds. Every state change of a process is one
// event; strace, --profile, --trace, ps's times and Perfetto all read these.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/base/env.h"

namespace phios {

enum class EventKind : uint16_t {
  kNone = 0,
  kSpawn,      // a: parent pid
  kExit,       // a: exit status (0, or an ErrorCode)
  kReady,      // becomes runnable; a: reason
  kRun,        // runs after a wait for a reactor, or for a place in a pass; a: nanoseconds waited
  kWait,       // parks; a: WaitReason
  kTrap,       // a complete frame; a: call number, b: call sequence number
  kReturn,     // its answer; a: call number, b: ErrorCode or 0, c: nanoseconds from trap to answer
  kPassBegin,  // a forward pass; a: sequences, b: positions
  kPassEnd,    // a: sequences, b: positions, c: nanoseconds of the model
  kTail,       // tail of a pass; a: sequences, c: nanoseconds of the kernel
  kSwitch,     // a fiber switch; a: 1 resume, 0 suspend
  kSteal,      // a: victim reactor
  kSignal,     // a: signal
  kLimit,      // a: resource, b: amount
  kText,       // a: id of text kept beside the ring (strace's decoded call)
};

struct Event {
  Nanos at = 0;
  uint64_t pid = 0;
  uint64_t a = 0, b = 0, c = 0;
  EventKind kind = EventKind::kNone;
  uint16_t core = 0;
};

class Trace {
 public:
  static constexpr uint32_t kDefaultEvents = 1u << 16;  // a core

  Trace(Env& env, uint32_t cores, uint32_t events_per_core = kDefaultEvents);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  // Binds the calling thread to a core's ring; a thread that never calls it shares the last ring.
  void bind_thread(uint32_t core) noexcept;
  void emit(EventKind kind, uint64_t pid, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) noexcept;

  // A reader's place in every ring. collect() appends what came since, oldest first, and counts what was
  // lost.
  struct Cursor {
    std::vector<uint64_t> next;
    uint64_t lost = 0;
  };
  void collect(Cursor& cursor, std::vector<Event>& out) const;

 private:
  struct Ring;
  Env& env_;
  std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace phios
