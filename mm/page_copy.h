// Pages copied by a thread that may wait for the disk, from wherever they lie and to where there is room.
//
// Ownership: plain values; what a transfer needs stays until it has ended, be it after its waiter gave up.
// Threads: any that may block, at once; not the one that forms passes, and no reactor, which carry the
// transfers out. Lifetime: pool and file outlive the transfers. Errors: ENOENT_ of a page that is lost, EIO_
// where the disk fails or says nothing for kWaitMax, ELIMIT_ when no slot is free.
#pragma once

#include <cstddef>
#include <vector>

#include "kernel/base/env.h"
#include "mm/frame_pool.h"
#include "mm/swap.h"

namespace phios {

struct PageCopy {
  static constexpr Nanos kWaitMax = 10 * kSecond;  // for the disk

  KvTier tier = KvTier::kF16;
  std::vector<std::byte> bytes;  // frame_bytes(tier)

  // `swap` may be null: no page is on disk then.
  static Result<PageCopy> of(const FrameRef& page, FramePool& pool, SwapFile* swap);
  // A new page on disk that holds this.
  Result<FrameRef> to_disk(FramePool& pool, SwapFile& swap) const;
};

}  // namespace phios
