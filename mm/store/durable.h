// Durable cells: /mem/ over LMDB. One thread owns the writes and commits them in groups; a write is
// acknowledged after its commit reached the disk, and then survives kill -9 and a power cut. Several
// processes of the machine may have the same store open.
//
// Ownership: the kernel owns it; the destructor commits what is queued. Threads: any, at once; completions
// are called exactly once, on the writer's thread (or, when the write is refused at the door, on the caller's
// before the call returns), and must not block. Writes of one caller are applied in order. Errors: as
// CellStore; EAGAIN_ when the queue is full; EBUSY_ when this process has the store open already; EIO_ with
// the store's path. A full map is grown.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

class DurableCells {
 public:
  // What a write gives back: nothing, "0"/"1" for a CAS, the new value for an ADD.
  using Done = std::function<void(Result<std::string>)>;

  static constexpr size_t kMapBytes = size_t{64} << 20;  // the first size of the map; it doubles when full

  // Makes the directory when it is not there.
  static Result<std::unique_ptr<DurableCells>> open(const std::string& directory,
                                                    size_t map_bytes = kMapBytes);
  virtual ~DurableCells() = default;

  virtual Result<std::string> read(std::string_view name) = 0;  // sees every acknowledged write
  virtual Result<std::vector<std::string>> list(std::string_view prefix, size_t limit) = 0;  // sorted
  virtual void write(std::string name, std::string value, Done done) = 0;
  virtual void erase(std::string name, Done done) = 0;
  virtual void move(std::string dst, std::string src, Done done) = 0;  // both durable: one transaction
  virtual void copy(std::string dst, std::string src, Done done) = 0;
  virtual void compare_and_swap(std::string name, std::string old_value, std::string new_value,
                                Done done) = 0;
  virtual void add(std::string name, std::string n, Done done) = 0;
};

}  // namespace phios
