#include "kernel/proc/open_files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace phios {

namespace {

constexpr mode_t kNewFileMode = 0644;

// The kernel of the machine keeps the path beneath the working directory, links included.
int open_beneath(const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = (flags & O_CREAT) != 0 ? kNewFileMode : 0;
  how.resolve = RESOLVE_BENEATH;
  return static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

}  // namespace

OpenFile::~OpenFile() { ::close(fd_); }

Result<int> OpenFiles::open(const std::string& path, const std::string& mode) {
  if (files_.size() >= kMax)
    return fail(ErrorCode::ELIMIT_, fmt::format("{}: {} files are open; close one", path, kMax));
  int flags = 0;
  if (mode == "r") {
    flags = O_RDONLY;
  } else if (mode == "w") {
    flags = O_WRONLY | O_CREAT | O_TRUNC;
  } else if (mode == "a") {
    flags = O_WRONLY | O_CREAT;
  } else {
    return fail(ErrorCode::EINVAL_, fmt::format("{}: mode r, w or a, not {}", path, mode));
  }
  const int fd = open_beneath(path.c_str(), flags | O_NONBLOCK);
  if (fd < 0) {
    const int why = errno;
    if (why == EXDEV || why == EACCES)
      return fail(ErrorCode::EPERM_, fmt::format("{}: not under the process's root, or no access", path));
    if (why == ENOENT) return fail(ErrorCode::ENOENT_, fmt::format("{}: no such file", path));
    return fail(ErrorCode::EIO_, fmt::format("{}: {}", path, std::strerror(why)));
  }
  struct stat info{};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(ErrorCode::EINVAL_, fmt::format("{}: no regular file", path));
  }
  int handle = 3;
  while (files_.contains(handle)) handle++;
  files_[handle] = std::make_shared<OpenFile>(fd, mode == "a" ? info.st_size : 0);
  return handle;
}

Result<std::shared_ptr<OpenFile>> OpenFiles::find(int handle) const {
  const auto it = files_.find(handle);
  if (it == files_.end()) return fail(ErrorCode::ENOENT_, fmt::format("{}: no open file", handle));
  return it->second;
}

Status OpenFiles::close(int handle) {
  if (files_.erase(handle) == 0) return fail(ErrorCode::ENOENT_, fmt::format("{}: no open file", handle));
  return {};
}

}  // namespace phios
