// The fallback: poll() says when a pipe, terminal or socket is ready; regular files go to threads.
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "kernel/runtime/io.h"
#include "kernel/runtime/stack_guard.h"

namespace phios::rt {

namespace {

constexpr size_t kTransferMax = 1u << 30;

int transfer(const IoOp& op, size_t most) noexcept {
  const size_t bytes = std::min(op.bytes, most);
  for (;;) {
    ssize_t n = 0;
    if (op.kind == IoKind::kRead) {
      n = op.offset < 0 ? read(op.fd, op.buffer, bytes) : pread(op.fd, op.buffer, bytes, op.offset);
    } else {
      n = op.offset < 0 ? write(op.fd, op.buffer, bytes) : pwrite(op.fd, op.buffer, bytes, op.offset);
    }
    if (n >= 0) return static_cast<int>(n);
    if (errno != EINTR) return -errno;
  }
}

bool may_block(int fd) noexcept {
  struct stat status{};
  return fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

class PollBackend final : public IoBackend {
 public:
  PollBackend(IoSink& sink, BlockingThreads& threads) : sink_(sink), threads_(threads) {}
  PollBackend(const PollBackend&) = delete;
  PollBackend& operator=(const PollBackend&) = delete;
  ~PollBackend() override {
    if (event_ >= 0) close(event_);
  }

  Status open() {
    event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_ < 0) return fail(ErrorCode::EIO_, fmt::format("eventfd: {}", std::strerror(errno)));
    return {};
  }

  void start(IoOp& op) noexcept override {
    if (op.kind != IoKind::kPoll && may_block(op.fd)) {
      threads_.run(op, sink_);
    } else {
      waiting_.push_back(&op);
    }
  }

  void cancel(IoOp& op) noexcept override {
    if (std::find(cancelled_.begin(), cancelled_.end(), &op) != cancelled_.end()) return;
    const auto place = std::find(waiting_.begin(), waiting_.end(), &op);
    if (place != waiting_.end()) {
      waiting_.erase(place);
      cancelled_.push_back(&op);
    } else if (threads_.take_back(op)) {
      cancelled_.push_back(&op);
    }
  }

  void look() noexcept override { poll_once(0); }
  void sleep(Nanos timeout) noexcept override { poll_once(timeout); }

  void wake() noexcept override {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(event_, &one, sizeof one);
  }

 private:
  void poll_once(Nanos timeout) noexcept {
    if (report_cancelled()) timeout = 0;  // the reports may have made work
    set_.clear();
    set_.push_back({event_, POLLIN, 0});
    for (const IoOp* op : waiting_) set_.push_back({op->fd, events_of(*op), 0});
    const timespec until{timeout / kSecond, timeout % kSecond};
    const int ready = ppoll(set_.data(), set_.size(), timeout == kNever ? nullptr : &until, nullptr);
    if (ready <= 0) return;
    if (set_[0].revents != 0) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t n = read(event_, &count, sizeof count);
    }
    // Reports may start and cancel operations, so the list is settled before the first of them.
    std::vector<std::pair<IoOp*, int>> done;
    for (size_t i = 1; i < set_.size(); i++) {
      IoOp& op = *waiting_[i - 1];
      if (set_[i].revents != 0) done.emplace_back(&op, outcome(op, set_[i].revents));
    }
    for (const auto& [op, result] : done) std::erase(waiting_, op);
    for (const auto& [op, result] : done) sink_.io_finished(*op, result);
  }

  // Once poll() has called it ready, a read does not block, nor does a write of a pipe's atomic size.
  static int outcome(const IoOp& op, short events) noexcept {
    if (events & POLLNVAL) return -EBADF;
    if (op.kind == IoKind::kPoll) return events;
    return transfer(op, op.kind == IoKind::kWrite ? PIPE_BUF : kTransferMax);
  }

  static short events_of(const IoOp& op) noexcept {
    if (op.kind == IoKind::kPoll) return static_cast<short>(op.bytes);
    return op.kind == IoKind::kRead ? POLLIN : POLLOUT;
  }

  bool report_cancelled() noexcept {
    const std::vector<IoOp*> cancelled = std::exchange(cancelled_, {});
    for (IoOp* op : cancelled) sink_.io_finished(*op, -ECANCELED);
    return !cancelled.empty();
  }

  IoSink& sink_;
  BlockingThreads& threads_;
  int event_ = -1;
  std::vector<IoOp*> waiting_;    // for readiness
  std::vector<IoOp*> cancelled_;  // to be reported at the next look
  std::vector<pollfd> set_;
};

}  // namespace

BlockingThreads::BlockingThreads(uint32_t threads) {
  const SignalsBlocked blocked;  // inherited by the threads
  for (uint32_t i = 0; i < threads; i++) threads_.emplace_back([this] { work(); });
}

BlockingThreads::~BlockingThreads() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void BlockingThreads::run(IoOp& op, IoSink& sink) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({&op, &sink});
  }
  changed_.notify_one();
}

bool BlockingThreads::take_back(IoOp& op) {
  std::lock_guard lock(mutex_);
  return std::erase_if(jobs_, [&op](const Job& job) { return job.op == &op; }) > 0;
}

void BlockingThreads::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = jobs_.front();
    jobs_.erase(jobs_.begin());
    lock.unlock();
    job.op->result = transfer(*job.op, kTransferMax);
    job.sink->mail(job.op);  // the operation may be gone after this
    lock.lock();
  }
}

Result<std::unique_ptr<IoBackend>> make_poll_backend(IoSink& sink, BlockingThreads& threads) {
  auto backend = std::make_unique<PollBackend>(sink, threads);
  TRY(backend->open());
  return backend;
}

std::string describe_io(const IoOp& op, int error) {
  const char* verb = op.kind == IoKind::kRead    ? "read of"
                     : op.kind == IoKind::kWrite ? "write to"
                                                 : "poll of";
  return fmt::format("{} fd {}: {}", verb, op.fd, std::strerror(error));
}

}  // namespace phios::rt
