// SwapFile: pages on disk for as long as the kernel lives. Slots of one size in a file without a name; the
// tier and the checksum (XXH3) of each stay in memory, so that what a file system gives back is known to be
// what it was given.
//
// Ownership: owns the file; slots are numbers of FramePool's (PagePlace::kSwap). Threads: write(), read() by
// any, at once, never two of one slot; completions on a thread of the IO, exactly once. The buffer stays the
// caller's until then. Lifetime: outlives what it has begun. Errors: EIO_ names what failed: the system, a
// short transfer, the checksum.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "kernel/base/result.h"
#include "mm/kv_view.h"
#include "mm/reserved.h"

namespace phios {

// Reads and writes of files, which the kernel's reactors carry out.
class SwapIo {
 public:
  using Done = std::function<void(Result<size_t>)>;  // bytes
  virtual ~SwapIo() = default;
  virtual void read(int fd, std::span<std::byte> buffer, int64_t offset, Done done) = 0;
  virtual void write(int fd, std::span<const std::byte> buffer, int64_t offset, Done done) = 0;
};

class SwapFile {
 public:
  using Done = std::function<void(Status)>;

  static Result<std::unique_ptr<SwapFile>> create(const std::string& directory, size_t slot_bytes,
                                                  uint32_t slots, SwapIo& io);
  ~SwapFile();
  SwapFile(const SwapFile&) = delete;
  SwapFile& operator=(const SwapFile&) = delete;

  void write(uint32_t slot, KvTier tier, std::span<const std::byte> page, Done done);
  KvTier tier(uint32_t slot) const { return slots_[slot].tier; }   // of the page that was written there
  void read(uint32_t slot, std::span<std::byte> page, Done done);  // as many bytes as were written

 private:
  struct Slot {
    uint64_t sum;
    KvTier tier;
  };
  SwapFile(int fd, size_t slot_bytes, Reserved<Slot> slots, SwapIo& io);

  const int fd_;
  const size_t slot_bytes_;
  Reserved<Slot> slots_;
  SwapIo& io_;
};

}  // namespace phios
