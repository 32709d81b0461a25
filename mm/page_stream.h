// PageStream: the pages of one context that stay on disk while a pass reads them, because memory does not
// hold all of them: layer after layer, through frames that are borrowed from the pool.
//
// A span of such a page has no frame of its own. Between enter(l) and leave(l) its KvSpan::frame is set so
// that the offsets of layer l (mm/kv_view.h) lead to what was read of it; those of other layers lead nowhere.
// The next layer is on its way from leave() on, beside the pass's matrix products. Of a stream that chooses
// (Quest) a layer reads the pages that its queries want alone: which these are is known in enter(), by the
// ranges of keys that stay in memory (KvSpan::ranges).
//
// Ownership: made for one pass, by the pager; the borrowed frames go back when the last transfer has ended,
// be it after the stream. Threads: attach() on the thread that forms passes; enter() and leave() on one
// thread of the pass. Order: attach → (enter(l) → leave(l)) for every layer, first to last. Lifetime: pool
// and file outlive their transfers. Units: pages. Errors: what could not be read reads as zeros, and is told
// to `lost`; outcome() says afterwards whether the pass saw its pages.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernel/base/env.h"
#include "mm/frame_pool.h"
#include "mm/swap.h"

namespace phios {

class PageStream {
 public:
  static constexpr Nanos kWaitMax = 10 * kSecond;  // for the disk, in one enter()
  enum class Outcome : uint8_t { kRead, kLost, kStalled };
  using Lost = std::function<void(uint32_t page, Status why)>;  // from any thread
  enum class Reads : uint8_t { kAll, kChosen };

  // How many frames a stream of so many pages borrows.
  static uint32_t frames_for(const KvShape& shape, uint32_t pages) {
    return (pages + shape.n_layers - 1) / shape.n_layers;
  }
  // Null when the pool has too few frames for so many pages; nothing has changed then.
  static std::unique_ptr<PageStream> create(FramePool& pool, SwapFile& file, uint32_t pages, Lost lost);
  ~PageStream();
  PageStream(const PageStream&) = delete;
  PageStream& operator=(const PageStream&) = delete;

  // view: PageTable::view() of the first pages of a table, whose numbers() these are; both outlive the pass.
  // Begins to read the first layer, if it reads all.
  void attach(std::span<KvSpan> view, std::span<const uint32_t> numbers, Reads reads);
  bool chooses() const { return reads_ == Reads::kChosen; }
  // wanted: [page of the context] is it wanted; where the stream does not choose all are, and it may be
  // empty.
  void enter(uint32_t layer, std::span<const uint8_t> wanted = {});
  void leave(uint32_t layer);
  Outcome outcome() const;
  uint64_t layers_read() const { return layers_read_; }  // of all pages

 private:
  struct Transfers;  // what is under way, and the borrowed frames
  struct Page {
    KvSpan* span;
    uint32_t number, slot;
    std::byte* bytes;  // of the layer that is read
  };
  PageStream(FramePool& pool, SwapFile& file, std::shared_ptr<Transfers> transfers);
  template <class Wanted>
  void start_reading(uint32_t layer, Wanted wanted);

  FramePool& pool_;
  SwapFile& file_;
  std::shared_ptr<Transfers> transfers_;
  std::vector<Page> pages_;
  Reads reads_ = Reads::kAll;
  uint64_t layers_read_ = 0;
};

}  // namespace phios
