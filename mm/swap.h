// SwapFile: pages on disk for as long as the kernel lives. Slots of one size in a file without a name; the
// tier of each and the checksums of its layers (XXH3) stay in memory, so that what a file system gives back,
// a page or one layer of it, is known to be what it was given; and the ranges of its keys (a 33rd of a page
// in f16), so that the pages that a query needs can be chosen where they are not.
//
// Ownership: owns the file; slots are numbers of FramePool's (PagePlace::kSwap). Threads: write(), read() by
// any, at once, a write never beside another transfer of its slot; completions on a thread of the IO, exactly
// once. The buffer stays the caller's until then. Lifetime: outlives what it has begun. Errors: EIO_ names
// what failed: the system, a short transfer, the checksum.
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

  static Result<std::unique_ptr<SwapFile>> create(const std::string& directory, KvShape shape, uint32_t slots,
                                                  SwapIo& io);
  ~SwapFile();
  SwapFile(const SwapFile&) = delete;
  SwapFile& operator=(const SwapFile&) = delete;

  void write(uint32_t slot, KvTier tier, std::span<const std::byte> page, Done done);
  KvTier tier(uint32_t slot) const { return tiers_[slot]; }  // of the page that was written there
  // Of its keys, [layer][kv_head][range_bytes()]; of a page that is not full they mean nothing.
  const std::byte* ranges(uint32_t slot) const { return &ranges_[slot * shape_.all_range_bytes()]; }
  void read(uint32_t slot, std::span<std::byte> page, Done done);  // as many bytes as were written
  // The keys and values of one layer: layer_bytes(tier(slot)) bytes.
  void read_layer(uint32_t slot, uint32_t layer, std::span<std::byte> bytes, Done done);

 private:
  SwapFile(int fd, KvShape shape, Reserved<KvTier> tiers, Reserved<uint64_t> sums, Reserved<std::byte> ranges,
           SwapIo& io);
  uint32_t sums_of_page() const {
    return shape_.n_layers + 1;
  }  // the last is of what stands behind the layers
  void read_checked(int64_t at, std::span<std::byte> bytes, uint32_t slot,
                    std::function<bool()> is_as_written, Done done);

  const int fd_;
  const KvShape shape_;
  const size_t slot_bytes_;
  Reserved<KvTier> tiers_;      // [slot]
  Reserved<uint64_t> sums_;     // [slot][layer, rest]
  Reserved<std::byte> ranges_;  // [slot][layer][kv_head]
  SwapIo& io_;
};

}  // namespace phios
