// PageTable: which frame holds which 16 positions of a context. A persistent tree of reference-counted nodes
// of 64 entries: a copy is O(1), a write copies the path to the page it changes, and the page itself when
// another table holds it too (copy-on-write, decided per page at append).
//
// Ownership: a table owns references to its nodes and frames. Threads: a table is used by one thread at a
// time; tables that share nodes may be used by different threads at once. Units: positions (tokens). Errors:
// ELIMIT_ when the pool is empty, the table is then unchanged.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/base/result.h"
#include "mm/frame_pool.h"
#include "mm/kv_view.h"

namespace phios {

class PageTable {
 public:
  explicit PageTable(FramePool& pool);
  PageTable(const PageTable&);  // fork: shares every page
  PageTable(PageTable&&) noexcept;
  PageTable& operator=(PageTable) noexcept;
  ~PageTable();

  uint32_t positions() const;  // positions in use
  uint32_t pages() const;
  // Makes room for n further positions: new pages, and an own copy of a shared tail page that will be
  // written. All or nothing. Returns the number of frames newly taken from the pool (for the caller's
  // budget).
  Result<uint32_t> append(uint32_t n);
  // Keeps the first n positions; whole pages behind them are released. O(pages released), O(1) in tokens
  // kept.
  void truncate(uint32_t n);
  // Appends whole pages of another context's prefix (positions() must be a multiple of PHI_PAGE_TOKENS).
  void append_shared(const FrameRef& frame, uint32_t n_positions);
  FrameRef frame(uint32_t page) const;
  // Appends the spans of all pages to out.
  void view(std::vector<KvSpan>& out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phios
