#include "mm/page_stream.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

namespace phios {
namespace {

constexpr auto all = [](const auto&) { return true; };

}  // namespace

struct PageStream::Transfers {
  FramePool& pool;
  const Lost lost;
  std::vector<uint32_t> frames;  // places
  std::vector<FrameRef> pages;   // that are read: a transfer that ends late finds its page

  std::mutex mutex;  // guards what follows
  std::condition_variable all_ended;
  uint32_t under_way = 0;
  Outcome outcome = Outcome::kRead;

  Transfers(FramePool& p, Lost l) : pool(p), lost(std::move(l)) {}
  ~Transfers() {
    for (const uint32_t frame : frames) pool.discard(frame);
  }
  void end(uint32_t page, std::span<std::byte> bytes, Status status) {
    const bool failed = !status;
    if (failed) {
      // Zeros are numbers, so that the rest of a pass in vain computes with numbers too.
      std::memset(bytes.data(), 0, bytes.size());
      lost(page, std::move(status));
    }
    const std::lock_guard lock(mutex);
    if (failed && outcome == Outcome::kRead) outcome = Outcome::kLost;
    if (--under_way == 0) all_ended.notify_all();
  }
};

std::unique_ptr<PageStream> PageStream::create(FramePool& pool, SwapFile& file, uint32_t pages, Lost lost) {
  auto transfers = std::make_shared<Transfers>(pool, std::move(lost));
  for (uint32_t n = frames_for(pool.shape(), pages); n > 0; --n) {
    const uint32_t frame = pool.take_place(PagePlace::kF16);
    if (frame == FramePool::kNowhere) return nullptr;
    transfers->frames.push_back(frame);
  }
  return std::unique_ptr<PageStream>(new PageStream(pool, file, std::move(transfers)));
}

PageStream::PageStream(FramePool& pool, SwapFile& file, std::shared_ptr<Transfers> transfers)
    : pool_(pool), file_(file), transfers_(std::move(transfers)) {}

PageStream::~PageStream() = default;

void PageStream::attach(std::span<KvSpan> view, std::span<const uint32_t> numbers, Reads reads) {
  const KvShape& shape = pool_.shape();
  reads_ = reads;
  pages_.clear();
  for (size_t i = 0, span = 0; span < view.size(); ++i) {
    if (numbers[i] == kNoPage) continue;
    KvSpan& seen = view[span++];
    if (pool_.place(numbers[i]) != PagePlace::kSwap) continue;
    const uint32_t slot = pool_.swap_slot(numbers[i]);
    seen.tier = file_.tier(slot);
    seen.ranges = file_.ranges(slot);
    transfers_->pages.push_back(pool_.share(numbers[i]));
    const auto at = static_cast<uint32_t>(pages_.size());
    std::byte* frame = pool_.bytes_at(transfers_->frames[at / shape.n_layers]);
    pages_.push_back(
        {&seen, numbers[i], slot, frame + at % shape.n_layers * shape.layer_bytes(KvTier::kF16)});
  }
  if (!chooses()) start_reading(0, all);
}

// Begins to read those of the pages that are wanted.
template <class Wanted>
void PageStream::start_reading(uint32_t layer, Wanted wanted) {
  const auto n = static_cast<uint32_t>(std::ranges::count_if(pages_, wanted));
  {
    const std::lock_guard lock(transfers_->mutex);
    if (transfers_->outcome != Outcome::kRead) return;  // the pass is in vain already
    transfers_->under_way += n;
  }
  layers_read_ += n;
  for (const Page& page : pages_) {
    if (!wanted(page)) continue;
    const std::span bytes(page.bytes, pool_.shape().layer_bytes(page.span->tier));
    file_.read_layer(page.slot, layer, bytes,
                     [transfers = transfers_, number = page.number, bytes](Status status) {
                       transfers->end(number, bytes, std::move(status));
                     });
  }
}

void PageStream::enter(uint32_t layer, std::span<const uint8_t> wanted) {
  if (chooses())
    start_reading(layer, [&](const Page& p) { return wanted[p.span->first_pos / PHI_PAGE_TOKENS] != 0; });
  {
    std::unique_lock lock(transfers_->mutex);
    const auto ended = [&] { return transfers_->under_way == 0 || transfers_->outcome == Outcome::kStalled; };
    if (!transfers_->all_ended.wait_for(lock, std::chrono::nanoseconds(kWaitMax), ended))
      transfers_->outcome = Outcome::kStalled;
  }
  const bool in_vain = outcome() == Outcome::kLost;
  for (const Page& page : pages_) {
    // What no layer has read holds anything, and now none reads any more.
    if (in_vain && chooses()) std::memset(page.bytes, 0, pool_.shape().layer_bytes(page.span->tier));
    // An address alone: the page's other layers are not there, nor is this one if it was not wanted.
    page.span->frame = page.bytes - pool_.shape().key_offset(page.span->tier, layer, 0);
  }
}

void PageStream::leave(uint32_t layer) {
  if (layer + 1 < pool_.shape().n_layers && !chooses()) start_reading(layer + 1, all);
}

PageStream::Outcome PageStream::outcome() const {
  const std::lock_guard lock(transfers_->mutex);
  return transfers_->outcome;
}

}  // namespace phios
