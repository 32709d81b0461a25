// PageTable: which frame holds which 16 positions of a context. A persistent tree of reference-counted nodes
// of 64 entries: a copy is O(1), a write copies the path to the page it changes, and the page itself when
// another table holds it too (copy-on-write, decided per page at append). An entry may be a hole: positions
// that a policy has dropped from attention.
//
// Ownership: a table owns references to its nodes and frames. Threads: a table is used by one thread at a
// time; tables that share nodes may be used by different threads at once. Lifetime: the pool outlives the
// table. Units: positions (tokens). Errors: ELIMIT_ when the pool is empty or the context would pass
// PHI_CONTEXT_MAX; the table is then unchanged.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernel/base/result.h"
#include "mm/frame_pool.h"
#include "mm/kv_view.h"

namespace phios {

class PageTable {
 public:
  static constexpr uint32_t kNodeEntries = 64;

  explicit PageTable(FramePool& pool) : pool_(&pool) {}
  PageTable(const PageTable&) = default;  // fork: shares every page
  PageTable(PageTable&& other) noexcept
      : pool_(other.pool_),
        root_(std::move(other.root_)),
        levels_(std::exchange(other.levels_, 0)),
        positions_(std::exchange(other.positions_, 0)),
        tag_(other.tag_) {}
  PageTable& operator=(PageTable other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(root_, other.root_);
    std::swap(levels_, other.levels_);
    std::swap(positions_, other.positions_);
    std::swap(tag_, other.tag_);
    return *this;
  }
  ~PageTable() = default;

  FramePool& pool() const { return *pool_; }
  uint32_t tag() const { return tag_; }  // of the pages that it takes from the pool
  void set_tag(uint32_t tag) { tag_ = tag; }
  uint32_t positions() const { return positions_; }  // positions in use
  uint32_t pages() const { return (positions_ + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS; }
  // Makes room for n further positions: new pages, and an own copy of a shared tail page that will be
  // written. All or nothing. Returns the number of frames newly taken from the pool (for the caller's
  // budget).
  Result<uint32_t> append(uint32_t n);
  // Keeps the first n positions; whole pages behind them are released. O(pages released), O(1) in tokens
  // kept. Where the last page kept would be part of a hole it goes as a whole: positions() is then less than
  // n.
  void truncate(uint32_t n);
  // Appends a page of another context's prefix with its first n_positions (1 … PHI_PAGE_TOKENS).
  // positions() must be a multiple of PHI_PAGE_TOKENS, and less than PHI_CONTEXT_MAX.
  void append_shared(const FrameRef& frame, uint32_t n_positions);
  // Appends 16 positions that attention passes over, as append_shared would; drop() makes a page such a hole.
  void append_hole();
  void drop(uint32_t page);
  uint32_t page(uint32_t page) const;   // its number in the pool, kNoPage for a hole
  FrameRef frame(uint32_t page) const;  // empty for a hole
  // Appends the numbers of all pages to out, kNoPage for a hole.
  void numbers(std::vector<uint32_t>& out) const;
  // Appends the spans of all pages to out; holes are left out. Pages on disk have no frame (PageStream gives
  // them one), and none is lost.
  void view(std::vector<KvSpan>& out) const { view(out, pages()); }
  void view(std::vector<KvSpan>& out, uint32_t n_pages) const;  // of the first n_pages

 private:
  struct Node;
  struct Leaf;
  struct Inner;

  class NodeRef {
   public:
    NodeRef() = default;
    explicit NodeRef(Node* adopted) : node_(adopted) {}
    NodeRef(const NodeRef& other) noexcept;
    NodeRef(NodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    NodeRef& operator=(NodeRef other) noexcept {
      std::swap(node_, other.node_);
      return *this;
    }
    ~NodeRef();
    Node* get() const { return node_; }

   private:
    Node* node_ = nullptr;
  };

  static Inner& own_inner(NodeRef& at, uint32_t keep = kNodeEntries);
  static Leaf& own_leaf(NodeRef& at, uint32_t keep = kNodeEntries);
  const Leaf& leaf(uint32_t page) const;
  void push_page(uint32_t page, uint32_t number);
  void keep_pages(uint32_t old_pages, uint32_t new_pages);
  Result<uint32_t> own_tail(uint32_t used);
  void copy_positions(uint32_t from, uint32_t to, uint32_t n) const;

  FramePool* pool_;
  NodeRef root_;
  uint32_t levels_ = 0;  // of the tree: 0 without pages, 1 for a single leaf
  uint32_t positions_ = 0;
  uint32_t tag_ = 0;
};

}  // namespace phios
