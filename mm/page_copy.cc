#include "mm/page_copy.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

namespace phios {
namespace {

// What a transfer needs until it has ended.
struct Transfer {
  FrameRef page;  // whose slot it is
  std::vector<std::byte> bytes;
  std::promise<Status> ended;
};

SwapFile::Done tell(const std::shared_ptr<Transfer>& transfer) {
  return [transfer](Status status) { transfer->ended.set_value(std::move(status)); };
}

Status wait_for(Transfer& transfer) {
  std::future<Status> ended = transfer.ended.get_future();
  if (ended.wait_for(std::chrono::nanoseconds(PageCopy::kWaitMax)) != std::future_status::ready)
    return fail(ErrorCode::EIO_, "the swap file's disk does not answer");
  return ended.get();
}

}  // namespace

Result<PageCopy> PageCopy::of(const FrameRef& page, FramePool& pool, SwapFile* swap) {
  const FramePool::Pin pin(pool, page.index());
  const PagePlace place = pool.place(page.index());
  if (is_resident(place)) {
    const auto tier = static_cast<KvTier>(place);
    return PageCopy{tier, {page.data(), page.data() + pool.shape().frame_bytes(tier)}};
  }
  if (place != PagePlace::kSwap || swap == nullptr) return fail(ErrorCode::ENOENT_, "the page is lost");
  const uint32_t slot = pool.swap_slot(page.index());
  const KvTier tier = swap->tier(slot);
  const auto transfer = std::make_shared<Transfer>();
  transfer->page = page;
  transfer->bytes.resize(pool.shape().frame_bytes(tier));
  swap->read(slot, transfer->bytes, tell(transfer));
  TRY(wait_for(*transfer));
  return PageCopy{tier, std::move(transfer->bytes)};
}

Result<FrameRef> PageCopy::to_disk(FramePool& pool, SwapFile& swap) const {
  const auto transfer = std::make_shared<Transfer>();
  transfer->page = TRY(pool.allocate_slot());
  transfer->bytes = bytes;
  swap.write(pool.swap_slot(transfer->page.index()), tier, transfer->bytes, tell(transfer));
  TRY(wait_for(*transfer));
  return transfer->page;
}

}  // namespace phios
