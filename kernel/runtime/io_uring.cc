#include <fmt/format.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/runtime/io.h"

namespace phios::rt {

namespace {

constexpr unsigned kRingEntries = 256;
constexpr size_t kTransferMax = 1u << 30;  // bytes of one read or write; the kernel's own bound is 2 GiB

class UringBackend final : public IoBackend {
 public:
  explicit UringBackend(IoSink& sink) : sink_(sink) {}
  UringBackend(const UringBackend&) = delete;
  UringBackend& operator=(const UringBackend&) = delete;
  ~UringBackend() override {
    if (open_) io_uring_queue_exit(&ring_);
    if (event_ >= 0) close(event_);
  }

  Status open() {
    // Where the kernel knows it, completions wait for the reactor instead of interrupting it.
    int rc = io_uring_queue_init(kRingEntries, &ring_, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
    if (rc == -EINVAL) rc = io_uring_queue_init(kRingEntries, &ring_, 0);
    if (rc < 0) return fail(ErrorCode::EIO_, fmt::format("io_uring: {}", std::strerror(-rc)));
    open_ = true;
    event_ = eventfd(0, EFD_CLOEXEC);
    if (event_ < 0) return fail(ErrorCode::EIO_, fmt::format("eventfd: {}", std::strerror(errno)));
    return {};
  }

  void start(IoOp& op) noexcept override {
    io_uring_sqe* sqe = next_sqe();
    const unsigned bytes = static_cast<unsigned>(std::min(op.bytes, kTransferMax));
    const auto offset = static_cast<uint64_t>(op.offset);  // -1 is the kernel's word for the file's own
    switch (op.kind) {
      case IoKind::kRead:
        io_uring_prep_read(sqe, op.fd, op.buffer, bytes, offset);
        break;
      case IoKind::kWrite:
        io_uring_prep_write(sqe, op.fd, op.buffer, bytes, offset);
        break;
      case IoKind::kPoll:
        io_uring_prep_poll_add(sqe, op.fd, static_cast<unsigned>(op.bytes));
        break;
    }
    io_uring_sqe_set_data(sqe, &op);
  }

  // The kernel takes entries in order, so this cannot hit a later operation at the same address.
  void cancel(IoOp& op) noexcept override {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_cancel(sqe, &op, 0);
    io_uring_sqe_set_data(sqe, nullptr);
  }

  void look() noexcept override {
    submit();
    reap();
  }

  void sleep(Nanos timeout) noexcept override {
    if (!listening_) {
      io_uring_sqe* sqe = next_sqe();
      io_uring_prep_read(sqe, event_, &event_count_, sizeof event_count_, 0);
      io_uring_sqe_set_data(sqe, &event_count_);
      listening_ = true;
    }
    io_uring_cqe* cqe = nullptr;
    __kernel_timespec until{timeout / kSecond, timeout % kSecond};
    io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, timeout == kNever ? nullptr : &until, nullptr);
    reap();
  }

  void wake() noexcept override {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(event_, &one, sizeof one);
  }

 private:
  io_uring_sqe* next_sqe() noexcept {
    for (;;) {
      if (io_uring_sqe* sqe = io_uring_get_sqe(&ring_)) return sqe;
      submit();
    }
  }

  void submit() noexcept {
    // EBUSY and EAGAIN mean that completions must be reaped first, which the caller does next.
    if (io_uring_sq_ready(&ring_) > 0 && io_uring_submit(&ring_) < 0) reap();
  }

  void reap() noexcept {
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
      void* data = io_uring_cqe_get_data(cqe);
      const int result = cqe->res;
      io_uring_cqe_seen(&ring_, cqe);
      if (data == &event_count_) {
        listening_ = false;
      } else if (data != nullptr) {
        sink_.io_finished(*static_cast<IoOp*>(data), result);
      }
    }
  }

  IoSink& sink_;
  io_uring ring_{};
  bool open_ = false;
  int event_ = -1;
  uint64_t event_count_ = 0;
  bool listening_ = false;  // a read of event_ is in the ring
};

}  // namespace

Result<std::unique_ptr<IoBackend>> make_uring_backend(IoSink& sink) {
  auto backend = std::make_unique<UringBackend>(sink);
  TRY(backend->open());
  return backend;
}

}  // namespace phios::rt
