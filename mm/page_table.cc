#include "mm/page_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstring>

#include "mm/codec.h"

namespace phios {
namespace {

constexpr uint32_t kEntryBits = 6;
constexpr uint32_t kEntryMask = PageTable::kNodeEntries - 1;
static_assert(1u << kEntryBits == PageTable::kNodeEntries);
static_assert(PHI_CONTEXT_MAX / PHI_PAGE_TOKENS <= uint64_t{1} << (3 * kEntryBits),
              "three levels are enough");

constexpr uint32_t pages_of(uint32_t positions) {
  return (positions + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS;
}
// Pages that a subtree of so many levels can hold.
constexpr uint32_t reach(uint32_t levels) { return 1u << (levels * kEntryBits); }
// Which entry of a node `levels` above the pages (1: a leaf) leads to a page.
constexpr uint32_t entry_of(uint32_t page, uint32_t levels) {
  return (page >> ((levels - 1) * kEntryBits)) & kEntryMask;
}

}  // namespace

// A node that has one reference belongs to one table, and is changed in place; others are copied first.
struct PageTable::Node {
  explicit Node(bool is_leaf) : leaf(is_leaf) {}
  std::atomic<uint32_t> refs{1};
  const bool leaf;
  uint32_t count = 0;  // entries in use, from the first on

  bool unique() const { return refs.load(std::memory_order_acquire) == 1; }
};

struct PageTable::Leaf : Node {
  explicit Leaf(FramePool& frame_pool) : Node(true), pool(frame_pool) {}
  Leaf(const Leaf& other, uint32_t keep) : Node(true), pool(other.pool) {
    for (; count < keep; ++count) {
      frames[count] = other.frames[count];
      if (frames[count] != kNoPage) pool.retain(frames[count]);
    }
  }
  ~Leaf() { shrink(0); }
  void shrink(uint32_t keep) {
    while (count > keep) {
      if (const uint32_t page = frames[--count]; page != kNoPage) pool.release(page);
    }
  }

  FramePool& pool;
  std::array<uint32_t, kNodeEntries> frames;  // each an owned reference
};

struct PageTable::Inner : Node {
  Inner() : Node(false) {}
  Inner(const Inner& other, uint32_t keep) : Node(false) {
    for (; count < keep; ++count) children[count] = other.children[count];
  }
  void shrink(uint32_t keep) {
    while (count > keep) children[--count] = NodeRef();
  }

  std::array<NodeRef, kNodeEntries> children;
};

PageTable::NodeRef::NodeRef(const NodeRef& other) noexcept : node_(other.node_) {
  if (node_ != nullptr) node_->refs.fetch_add(1, std::memory_order_relaxed);
}

PageTable::NodeRef::~NodeRef() {
  if (node_ == nullptr || node_->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (node_->leaf) {
    delete static_cast<Leaf*>(node_);
  } else {
    delete static_cast<Inner*>(node_);
  }
}

const PageTable::Leaf& PageTable::leaf(uint32_t page) const {
  const Node* node = root_.get();
  for (uint32_t level = levels_; level > 1; --level) {
    node = static_cast<const Inner*>(node)->children[entry_of(page, level)].get();
  }
  return *static_cast<const Leaf*>(node);
}

// A node that may be changed: the one referred to, or when it is shared a copy of its first `keep` entries,
// which takes its place.
PageTable::Inner& PageTable::own_inner(NodeRef& at, uint32_t keep) {
  const auto& node = *static_cast<const Inner*>(at.get());
  if (!node.unique()) at = NodeRef(new Inner(node, std::min<uint32_t>(keep, node.count)));
  return *static_cast<Inner*>(at.get());
}

PageTable::Leaf& PageTable::own_leaf(NodeRef& at, uint32_t keep) {
  const auto& node = *static_cast<const Leaf*>(at.get());
  if (!node.unique()) at = NodeRef(new Leaf(node, std::min<uint32_t>(keep, node.count)));
  return *static_cast<Leaf*>(at.get());
}

// Adds an owned reference to a page, or a hole, behind the last one; `page` is the number of pages so far.
void PageTable::push_page(uint32_t page, uint32_t number) {
  if (levels_ == 0) {
    root_ = NodeRef(new Leaf(*pool_));
    levels_ = 1;
  } else if (page == reach(levels_)) {
    auto* top = new Inner;
    top->children[top->count++] = std::move(root_);
    root_ = NodeRef(top);
    ++levels_;
  }
  NodeRef* at = &root_;
  for (uint32_t level = levels_; level > 1; --level) {
    Inner& inner = own_inner(*at);
    const uint32_t entry = entry_of(page, level);
    if (entry == inner.count) {
      inner.children[entry] = level > 2 ? NodeRef(new Inner) : NodeRef(new Leaf(*pool_));
      ++inner.count;
    }
    at = &inner.children[entry];
  }
  Leaf& last = own_leaf(*at);
  last.frames[last.count++] = number;
}

// Drops the pages from new_pages on. What is shared is not copied whole, only the entries that stay.
void PageTable::keep_pages(uint32_t old_pages, uint32_t new_pages) {
  if (new_pages == old_pages) return;
  if (new_pages == 0) {
    root_ = NodeRef();
    levels_ = 0;
    return;
  }
  while (levels_ > 1 && new_pages <= reach(levels_ - 1)) {
    NodeRef first = static_cast<const Inner*>(root_.get())->children[0];
    root_ = std::move(first);
    --levels_;
  }
  const uint32_t last = new_pages - 1;
  NodeRef* at = &root_;
  for (uint32_t level = levels_; level > 1; --level) {
    const uint32_t keep = entry_of(last, level) + 1;
    Inner& inner = own_inner(*at, keep);
    inner.shrink(keep);
    at = &inner.children[keep - 1];
  }
  const uint32_t keep = entry_of(last, 1) + 1;
  own_leaf(*at, keep).shrink(keep);
}

// A position's key lies in every line of the keys: those are copied whole.
void PageTable::copy_positions(uint32_t from, uint32_t to, uint32_t n) const {
  const KvShape& shape = pool_->shape();
  if (const PagePlace place = pool_->place(from); place != PagePlace::kF16)
    return decode_frame(shape, static_cast<KvTier>(place), pool_->data(from), pool_->data(to));
  const size_t keys = shape.n_kv_heads * shape.key_bytes(KvTier::kF16);
  const size_t used = size_t{n} * shape.head_dim * sizeof(uint16_t);
  for (uint32_t layer = 0; layer < shape.n_layers; ++layer) {
    const size_t at = shape.key_offset(KvTier::kF16, layer, 0);
    std::memcpy(pool_->data(to) + at, pool_->data(from) + at, keys);
    for (uint32_t head = 0; head < shape.n_kv_heads; ++head) {
      const size_t values = shape.value_offset(KvTier::kF16, layer, head);
      std::memcpy(pool_->data(to) + values, pool_->data(from) + values, used);
    }
  }
}

// Before positions behind the first `used` ones of the tail page are written: a copy of it when it is shared,
// or not in f16.
Result<uint32_t> PageTable::own_tail(uint32_t used) {
  const uint32_t tail = pages_of(positions_) - 1;
  const uint32_t entry = entry_of(tail, 1);
  NodeRef* at = &root_;
  for (uint32_t level = levels_; level > 1; --level) at = &own_inner(*at).children[entry_of(tail, level)];
  Leaf& last = own_leaf(*at);
  const uint32_t shared = last.frames[entry];
  if (pool_->unique(shared) && pool_->place(shared) == PagePlace::kF16) return 0;
  assert(is_resident(pool_->place(shared)));
  const uint32_t own = FramePool::detach(TRY(pool_->allocate(KvTier::kF16, tag_)));
  copy_positions(shared, own, used);
  last.frames[entry] = own;
  pool_->release(shared);
  return 1;
}

Result<uint32_t> PageTable::append(uint32_t n) {
  if (n == 0) return 0;
  if (n > PHI_CONTEXT_MAX - positions_) {
    return fail(ErrorCode::ELIMIT_,
                fmt::format("context: {} tokens and {} more, at most {}", positions_, n, PHI_CONTEXT_MAX));
  }
  const uint32_t old_pages = pages();
  const uint32_t new_pages = pages_of(positions_ + n);
  uint32_t taken = 0;
  const auto undo = [&](Error error) {
    keep_pages(old_pages + taken, old_pages);
    return std::unexpected<Error>(std::move(error));
  };
  for (uint32_t page = old_pages; page < new_pages; ++page) {
    auto frame = pool_->allocate(KvTier::kF16, tag_);
    if (!frame) return undo(std::move(frame).error());
    push_page(page, FramePool::detach(std::move(*frame)));
    ++taken;
  }
  if (const uint32_t used = positions_ % PHI_PAGE_TOKENS; used != 0) {
    auto copied = own_tail(used);
    if (!copied) return undo(std::move(copied).error());
    positions_ += n;
    return taken + *copied;
  }
  positions_ += n;
  return taken;
}

void PageTable::truncate(uint32_t n) {
  if (n >= positions_) return;
  const uint32_t old_pages = pages();
  positions_ = n;
  keep_pages(old_pages, pages());
  if (n % PHI_PAGE_TOKENS == 0 || page(n / PHI_PAGE_TOKENS) != kNoPage) return;
  positions_ = n - n % PHI_PAGE_TOKENS;
  keep_pages(n / PHI_PAGE_TOKENS + 1, pages());
}

void PageTable::append_shared(const FrameRef& frame, uint32_t n_positions) {
  assert(positions_ % PHI_PAGE_TOKENS == 0 && n_positions > 0 && n_positions <= PHI_PAGE_TOKENS);
  assert(positions_ <= PHI_CONTEXT_MAX - n_positions);
  push_page(pages(), FramePool::detach(frame));
  positions_ += n_positions;
}

void PageTable::append_hole() {
  assert(positions_ % PHI_PAGE_TOKENS == 0 && positions_ <= PHI_CONTEXT_MAX - PHI_PAGE_TOKENS);
  push_page(pages(), kNoPage);
  positions_ += PHI_PAGE_TOKENS;
}

uint32_t PageTable::page(uint32_t page) const {
  assert(page < pages());
  return leaf(page).frames[entry_of(page, 1)];
}

FrameRef PageTable::frame(uint32_t page) const {
  const uint32_t number = this->page(page);
  return number == kNoPage ? FrameRef() : pool_->share(number);
}

void PageTable::drop(uint32_t page) {
  assert(page < pages());
  NodeRef* at = &root_;
  for (uint32_t level = levels_; level > 1; --level) at = &own_inner(*at).children[entry_of(page, level)];
  uint32_t& entry = own_leaf(*at).frames[entry_of(page, 1)];
  if (entry != kNoPage) pool_->release(entry);
  entry = kNoPage;
}

void PageTable::numbers(std::vector<uint32_t>& out) const {
  for (uint32_t first = 0; first < pages(); first += kNodeEntries) {
    const Leaf& node = leaf(first);
    out.insert(out.end(), node.frames.begin(), node.frames.begin() + node.count);
  }
}

void PageTable::view(std::vector<KvSpan>& out, uint32_t n_pages) const {
  for (uint32_t first = 0; first < n_pages; first += kNodeEntries) {
    const Leaf& node = leaf(first);
    for (uint32_t i = 0; i < std::min(node.count, n_pages - first); ++i) {
      const uint32_t page = node.frames[i];
      if (page == kNoPage) continue;
      const uint32_t pos = (first + i) * PHI_PAGE_TOKENS;
      const PagePlace place = pool_->place(page);
      assert(place != PagePlace::kLost);
      out.push_back({pool_->data(page), is_resident(place) ? static_cast<KvTier>(place) : KvTier::kF16, pos,
                     std::min<uint32_t>(positions_ - pos, PHI_PAGE_TOKENS)});
    }
  }
}

}  // namespace phios
