#include "drivers/api/child_pipes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "drivers/api/utf8.h"

namespace phios {

namespace {
constexpr size_t kReadChunk = 16384;

// The bytes read, 0 at the end of the stream, -1 when there is nothing now.
ssize_t read_some(int fd, char* into, size_t size) {
  for (;;) {
    const ssize_t n = ::read(fd, into, size);
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    return errno == EAGAIN ? -1 : 0;
  }
}
}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<ChildPipes::Ends> ChildPipes::open() {
  Ends ends;
  for (size_t i = 0; i < 3; ++i) {
    int pair[2];
    if (::pipe2(pair, O_CLOEXEC) != 0) {
      return fail(ErrorCode::EIO_, std::string("no pipe for a child process: ") + strerrordesc_np(errno));
    }
    const int mine = i == 0 ? pair[1] : pair[0];
    ends.fds[i] = Fd(i == 0 ? pair[0] : pair[1]);
    ours_[i] = Fd(mine);
    ::fcntl(mine, F_SETFL, O_NONBLOCK);
  }
  if (input_.empty()) ours_[0].reset();
  return ends;
}

void ChildPipes::prepare(std::array<pollfd, 3>& set) const {
  for (size_t i = 0; i < 3; ++i) {
    set[i] = {.fd = ours_[i].get(), .events = static_cast<short>(i == 0 ? POLLOUT : POLLIN), .revents = 0};
  }
}

void ChildPipes::transfer(const std::array<pollfd, 3>& set) {
  if (set[0].revents != 0) write_input();
  if (set[1].revents != 0) read_output();
  if (set[2].revents != 0) read_errors();
}

void ChildPipes::drain() {
  while (ours_[1] && !over_bound_) {
    const size_t before = output_.size();
    read_output();
    if (output_.size() == before) break;
  }
  if (ours_[2]) read_errors();
}

void ChildPipes::write_input() {
  const ssize_t n = ::write(ours_[0].get(), input_.data(), input_.size());
  if (n > 0) input_.remove_prefix(static_cast<size_t>(n));
  const bool gone = n < 0 && errno != EAGAIN && errno != EINTR;
  if (input_.empty() || gone) ours_[0].reset();
}

void ChildPipes::read_output() {
  char chunk[kReadChunk];
  const ssize_t n = read_some(ours_[1].get(), chunk, sizeof chunk);
  if (n == 0) ours_[1].reset();
  if (n <= 0) return;
  output_.append(chunk, static_cast<size_t>(n));
  over_bound_ = output_.size() > output_max_;
}

void ChildPipes::read_errors() {
  char chunk[kReadChunk];
  const ssize_t n = read_some(ours_[2].get(), chunk, sizeof chunk);
  if (n == 0) ours_[2].reset();
  if (n <= 0) return;
  errors_.append(chunk, static_cast<size_t>(n));
  if (errors_.size() > 2 * errors_max_) errors_.erase(0, errors_.size() - errors_max_);
}

std::string ChildPipes::take_errors() {
  if (errors_.size() > errors_max_) errors_.erase(0, errors_.size() - errors_max_);
  std::string text = std::exchange(errors_, {});
  // A child writes what it likes; what we report is text.
  for (size_t at = 0; (at = find_bad_utf8(text)) != std::string::npos;) text[at] = '?';
  return text;
}

}  // namespace phios
