// The pager's part for contexts that are larger than the memory.
#include <algorithm>
#include <vector>

#include "mm/pager.h"

namespace phios {

bool Pager::larger_than_memory(const Client& client, uint32_t more) {
  const KvShape& shape = pool_.shape();
  const size_t f16 = shape.frame_bytes();
  size_t bytes = more * f16;
  pages_.clear();
  client.table_.numbers(pages_);
  for (const uint32_t page : pages_)
    if (page != kNoPage) bytes += shape.frame_bytes(tier(page));
  return bytes > pool_.capacity() * f16;
}

uint32_t Pager::most_new_pages(const Client& client) const noexcept {
  if (!client.streams_) return PHI_CONTEXT_MAX / PHI_PAGE_TOKENS;
  const uint32_t borrowed = PageStream::frames_for(pool_.shape(), client.table_.pages());
  return std::max(1u, (pool_.capacity() - std::min(borrowed, pool_.capacity())) / 2);
}

// Such a context may run when none of its pages moves, and the one that it writes next is in memory.
Pager::Admission Pager::settle(Client& client, bool last_resort) {
  const Missing missing = look(client, false);
  if (missing.coming > 0) return Admission::kWait;
  if (!missing.any()) {
    client.streams_ = false;  // it has become shorter
    return Admission::kAdmitted;
  }
  if (refill(client, missing.swapped) > 0) return Admission::kWait;
  const bool writes_last = client.table_.positions() % PHI_PAGE_TOKENS != 0;
  if (writes_last && pages_.back() != kNoPage && pool_.place(pages_.back()) == PagePlace::kSwap) {
    const uint64_t coming = reclaim(1, client, last_resort);
    return coming == 0 && moving_.empty() ? Admission::kStuck : Admission::kWait;
  }
  return missing.lost > 0 ? Admission::kLost : Admission::kAdmitted;
}

// Its pages come back, the newest first: the last in any case, the others where others took them away, as far
// as there is room beside what a pass takes. How many are on their way.
uint32_t Pager::refill(Client& client, uint32_t swapped) {
  const uint32_t spare = PageStream::frames_for(pool_.shape(), swapped) + 2 * kBatchPages;
  uint32_t begun = 0;
  for (size_t i = pages_.size(); i-- > 0;) {
    const uint32_t page = pages_[i];
    if (page == kNoPage || pool_.place(page) != PagePlace::kSwap) continue;
    const bool last = i + 1 == pages_.size();
    if (!last && (!client.refills_ || pool_.free_frames() <= spare)) break;
    if (!start_reading(page)) break;
    ++begun;
  }
  client.refills_ = false;
  return begun;
}

Pager::Admission Pager::make_room_to_stream(Client& client, uint32_t n, bool last_resort) {
  const Missing missing = look(client, false);
  if (missing.coming > 0) return Admission::kWait;
  const uint64_t wanted = uint64_t{n} + PageStream::frames_for(pool_.shape(), missing.swapped);
  const uint64_t free = pool_.free_frames();
  if (free >= wanted) return Admission::kAdmitted;
  if (put_out_own(client, std::max<uint64_t>(wanted - free, kBatchPages)) > 0) return Admission::kWait;
  const uint64_t coming = reclaim(wanted - free, client, last_resort);
  return coming == 0 && moving_.empty() ? Admission::kStuck : Admission::kWait;
}

// The oldest first, but for the page that it writes next.
uint64_t Pager::put_out_own(Client& client, uint64_t pages) {
  const std::lock_guard lock(clients_mutex_);
  protect_pages(&client);
  std::vector<uint32_t> own;
  client.table_.numbers(own);
  if (client.table_.positions() % PHI_PAGE_TOKENS != 0) own.pop_back();
  uint64_t put = 0;
  for (const uint32_t page : own) {
    if (put >= pages) break;
    if (page != kNoPage && put_out_page(page, Unwritten::kKeep)) ++put;
  }
  departures_ += put;
  return put;
}

bool Pager::open_stream(Client& client) {
  if (streaming_.load(std::memory_order_relaxed)) return false;
  const uint32_t swapped = look(client, false).swapped;
  client.stream_ = PageStream::create(pool_, *swap_, swapped, tell_lost());
  if (!client.stream_) return false;
  streaming_.store(true, std::memory_order_relaxed);
  return true;
}

PageStream* Pager::attach_stream(Client& client, std::span<KvSpan> view, PageStream::Reads reads) {
  client.outcome_ = PageStream::Outcome::kRead;
  if (!client.stream_) return nullptr;
  pages_.clear();
  client.table_.numbers(pages_);
  client.stream_->attach(view, pages_, reads);
  return client.stream_.get();
}

void Pager::close_stream(Client& client) noexcept {
  if (!client.stream_) return;
  layers_streamed_ += client.stream_->layers_read();
  client.stream_.reset();
  streaming_.store(false, std::memory_order_relaxed);
}

}  // namespace phios
