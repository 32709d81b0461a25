// I/O of one reactor: an operation, and the two back ends that carry it out: an io_uring ring, or poll() with
// threads for what can block, where io_uring is forbidden.
//
// Ownership: the reactor shares an IoOp with its deadline's timer; a back end holds plain pointers to the
// operations it was given until it has reported them. Threads: a back end belongs to its reactor's thread;
// only wake() may be called by others. Order: start, any number of cancels, exactly one report to the sink.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/runtime/runtime.h"

namespace phios::rt {

class Reactor;

enum class IoKind : uint8_t { kRead, kWrite, kPoll };
enum class IoEnd : uint8_t { kOwn, kDeadline, kStop };  // why an operation was asked to end

struct IoOp : Task {
  IoKind kind = IoKind::kRead;
  IoEnd end = IoEnd::kOwn;
  int fd = -1;
  void* buffer = nullptr;
  size_t bytes = 0;     // of the buffer; for a poll: the events asked for
  int64_t offset = -1;  // -1: the file's own
  Nanos deadline = kNever;
  Runtime::IoDone done;

  Reactor* reactor = nullptr;  // where it was started; it is reported there
  Runtime::TimerId timer = 0;
  size_t index = SIZE_MAX;     // among the reactor's active operations
  int result = 0;              // bytes or events, or a negative errno
  std::shared_ptr<IoOp> self;  // held while it travels between threads as a plain Task
};

// Called once for each operation, on the reactor's thread.
class IoSink {
 public:
  virtual void io_finished(IoOp& op, int result) noexcept = 0;
  virtual void mail(Task* task) noexcept = 0;  // from any thread: run it on the reactor's thread

 protected:
  ~IoSink() = default;
};

class IoBackend {
 public:
  virtual ~IoBackend() = default;
  virtual void start(IoOp& op) noexcept = 0;
  virtual void cancel(IoOp& op) noexcept = 0;  // asks; a blocking file operation that runs is let run
  virtual void look() noexcept = 0;            // hands over what is new, reports what is done, never blocks
  virtual void sleep(Nanos timeout) noexcept = 0;  // until there is something to report, wake(), or timeout
  virtual void wake() noexcept = 0;                // any thread: ends the present sleep, or else the next one
};

// Threads for file operations that block; one set serves all reactors that poll.
class BlockingThreads {
 public:
  explicit BlockingThreads(uint32_t threads);
  ~BlockingThreads();  // finishes what was begun
  void run(IoOp& op, IoSink& sink);
  bool take_back(IoOp& op);  // true: it had not begun and will not

 private:
  struct Job {
    IoOp* op;
    IoSink* sink;
  };
  void work();

  std::mutex mutex_;  // guards jobs_ and closing_
  std::condition_variable changed_;
  std::vector<Job> jobs_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

Result<std::unique_ptr<IoBackend>> make_uring_backend(IoSink& sink);
Result<std::unique_ptr<IoBackend>> make_poll_backend(IoSink& sink, BlockingThreads& threads);

// "read of fd 5: Bad file descriptor"
std::string describe_io(const IoOp& op, int error);

}  // namespace phios::rt
