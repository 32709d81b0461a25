// OpenFiles: the files that a process has open, by small numbers. Paths are under the process's root:
// relative, without "..", links not followed out of it.
//
// Ownership: the process. Threads: one call of the process at a time. Bound: kMax files. Errors: EINVAL_,
// ENOENT_, EPERM_, ELIMIT_, EIO_.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "kernel/base/result.h"

namespace phios {

class OpenFile {
 public:
  OpenFile(int fd, int64_t offset) : fd_(fd), offset_(offset) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }
  int64_t offset() const { return offset_; }
  void advance(size_t n) { offset_ += static_cast<int64_t>(n); }

 private:
  int fd_;
  int64_t offset_;
};

class OpenFiles {
 public:
  static constexpr size_t kMax = 64;
  Result<int> open(const std::string& path, const std::string& mode);  // r, w (emptied), a
  Result<std::shared_ptr<OpenFile>> find(int handle) const;
  Status close(int handle);

 private:
  std::map<int, std::shared_ptr<OpenFile>> files_;
};

}  // namespace phios
