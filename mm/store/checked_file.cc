#include "mm/store/checked_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace phios {
namespace {

constexpr size_t kBuffer = size_t{1} << 18;  // bytes of one system call

}  // namespace

struct CheckedFile::State {
  explicit State(std::string name) : path(std::move(name)), sum(XXH3_createState()), buffer(kBuffer) {
    XXH3_64bits_reset(sum);
  }
  ~State() {
    XXH3_freeState(sum);
    if (fd >= 0) ::close(fd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::string path;
  int fd = -1;
  XXH3_state_t* sum;
  std::vector<std::byte> buffer;
  size_t at = 0, filled = 0;  // reading: what of the buffer is taken, and there; writing: filled alone
  size_t left = 0;            // reading: bytes of the file that were not taken yet

  Error failed(std::string_view doing) const {
    return {ErrorCode::EIO_, fmt::format("{}: {}: {}", path, doing, std::strerror(errno))};
  }
};

CheckedFile::CheckedFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
CheckedFile::CheckedFile(CheckedFile&&) noexcept = default;
CheckedFile::~CheckedFile() = default;

Result<CheckedFile> CheckedFile::create(const std::string& path) {
  auto state = std::make_unique<State>(path);
  state->fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (state->fd < 0) return std::unexpected(state->failed("cannot be made"));
  return CheckedFile(std::move(state));
}

Result<CheckedFile> CheckedFile::open(const std::string& path) {
  auto state = std::make_unique<State>(path);
  state->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (state->fd < 0 || ::fstat(state->fd, &info) != 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::ENOENT_ : ErrorCode::EIO_;
    return fail(code, state->failed("cannot be opened").message);
  }
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::EIO_, fmt::format("{}: no file", path));
  state->left = static_cast<size_t>(info.st_size);
  return CheckedFile(std::move(state));
}

Error CheckedFile::damaged(std::string_view what) const {
  return {ErrorCode::EIO_, fmt::format("{}: damaged: {}; DROP it and save it again", state_->path, what)};
}

size_t CheckedFile::left() const { return state_->left; }

Status CheckedFile::drain() {
  State& s = *state_;
  for (size_t done = 0; done < s.filled;) {
    const ssize_t n = ::write(s.fd, s.buffer.data() + done, s.filled - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::unexpected(s.failed("cannot be written"));
    done += static_cast<size_t>(n);
  }
  s.filled = 0;
  return {};
}

Status CheckedFile::write(const void* data, size_t bytes) {
  State& s = *state_;
  XXH3_64bits_update(s.sum, data, bytes);
  const auto* from = static_cast<const std::byte*>(data);
  while (bytes > 0) {
    const size_t n = std::min(bytes, s.buffer.size() - s.filled);
    std::memcpy(s.buffer.data() + s.filled, from, n);
    s.filled += n;
    from += n;
    bytes -= n;
    if (s.filled == s.buffer.size()) TRY(drain());
  }
  return {};
}

Status CheckedFile::read(void* data, size_t bytes) {
  State& s = *state_;
  if (bytes > s.left) return std::unexpected(damaged("it ends too early"));
  auto* to = static_cast<std::byte*>(data);
  for (size_t wanted = bytes; wanted > 0;) {
    if (s.at == s.filled) {
      const ssize_t n = ::read(s.fd, s.buffer.data(), s.buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return std::unexpected(s.failed("cannot be read"));
      if (n == 0) return std::unexpected(damaged("it ends too early"));
      s.at = 0;
      s.filled = static_cast<size_t>(n);
    }
    const size_t n = std::min(wanted, s.filled - s.at);
    std::memcpy(to, s.buffer.data() + s.at, n);
    s.at += n;
    to += n;
    wanted -= n;
  }
  s.left -= bytes;
  XXH3_64bits_update(s.sum, data, bytes);
  return {};
}

Status CheckedFile::write_checksum() {
  const uint64_t sum = XXH3_64bits_digest(state_->sum);
  return write(&sum, sizeof sum);
}

Status CheckedFile::check_checksum() {
  const uint64_t expected = XXH3_64bits_digest(state_->sum);
  uint64_t stored = 0;
  TRY(read(&stored, sizeof stored));
  if (stored != expected) return std::unexpected(damaged("the checksum does not match"));
  return {};
}

Status CheckedFile::flush() {
  TRY(drain());
  if (::fsync(state_->fd) != 0) return std::unexpected(state_->failed("cannot be flushed"));
  return {};
}

}  // namespace phios
