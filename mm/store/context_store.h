// Named contexts that last: one file for each below a directory, which several processes of the machine may
// share. A save is acknowledged once the whole file is on the disk under its name; until then the one before
// it stays.
//
// Ownership: the kernel owns it; the destructor finishes what is queued. Threads: any, at once; completions
// are called exactly once, on the store's own thread (or on the caller's when the queue is full), and must
// not block. Lifetime: the pages' memory outlives it. Errors: ENOENT_, EAGAIN_ (queue full), ELIMIT_ (too
// many files), and what mm/store/context_file.h says.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mm/store/context_file.h"

namespace phios {

class ContextStore {
 public:
  static constexpr size_t kMaxFiles = 1024;
  static constexpr size_t kQueueMax = 256;  // calls that wait

  template <class T>
  using Done = std::function<void(Result<T>)>;

  // Makes the directory when it is not there, and removes what a killed process left half written.
  static Result<std::unique_ptr<ContextStore>> open(const std::string& directory, ContextModel model,
                                                    PageMemory memory);
  virtual ~ContextStore() = default;
  virtual void save(std::string name, ContextImage image, Done<void> done) = 0;
  virtual void load(std::string name, Done<ContextImage> done) = 0;
  virtual void drop(std::string name, Done<void> done) = 0;
  virtual void list(std::string prefix, Done<std::vector<std::string>> done) = 0;  // sorted
};

}  // namespace phios
