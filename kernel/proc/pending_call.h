// PendingCall: one system call under way: answered exactly once, by its handler, its deadline, or a signal.
//
// Ownership: shared by the process, the handler's callbacks and the timer. Threads: any; the first to
// complete wins, the rest have no effect. The answer is given outside every lock.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "drivers/api/op.h"
#include "kernel/runtime/runtime.h"
#include "syscalls/codec/call.h"

namespace phios {

// What a call came to. `no_return`: control went elsewhere (a JUMP taken, EXIT, EXEC, LOAD): there is no
// answer to give.
struct Outcome {
  Result<Reply> reply = Reply{};
  bool no_return = false;
};
using OutcomeDone = std::function<void(Outcome)>;

class PendingCall : public std::enable_shared_from_this<PendingCall> {
 public:
  PendingCall(Runtime& runtime, OutcomeDone done) : runtime_(runtime), done_(std::move(done)) {}

  void complete(Outcome outcome);
  // The two halves of complete(), for what only the call that wins may do (a child is reaped once, a context
  // replaced by the call that was not ended meanwhile): true for the one that claims; it must deliver.
  bool claim();
  void deliver(Outcome outcome);
  void answer(Result<Reply> reply) { complete({std::move(reply), false}); }
  void answer(std::string word) { complete({Reply{{std::move(word)}}, false}); }
  void leave() { complete({Reply{}, true}); }

  // ETIMEDOUT_ with `what` at the deadline.
  void set_deadline(Nanos deadline, std::string what);
  // Cancelled when the call ends otherwise (signal, deadline).
  void attach(OpRef op);
  void interrupt(std::string why) { answer(fail(ErrorCode::EINTR_, std::move(why))); }
  bool done() const;

 private:
  Runtime& runtime_;
  mutable std::mutex mutex_;  // guards what follows
  OutcomeDone done_;
  OpRef op_;
  Runtime::TimerId timer_ = 0;
  bool finished_ = false;
};
using PendingRef = std::shared_ptr<PendingCall>;

}  // namespace phios
