#include "mm/pager.h"

#include <algorithm>
#include <cassert>
#include <span>

#include "mm/codec.h"

namespace phios {
namespace {

constexpr uint32_t kWriteErrorsMax = 16;  // after so many the swap file is written no more

}  // namespace

// A page on its way to another place.
struct Pager::Move {
  enum class Kind : uint8_t { kOut, kIn, kCompute };
  Kind kind;
  FrameRef page;
  uint32_t to = 0;         // taken already
  bool cancelled = false;  // kOut: the page stays after all
  Status status;
};

struct Pager::Inbox {
  std::mutex mutex;  // guards finished
  std::vector<std::shared_ptr<Move>> finished;
  std::atomic<bool> any{false};

  void put(std::shared_ptr<Move> move, Status status) {
    move->status = std::move(status);
    const std::lock_guard lock(mutex);
    finished.push_back(std::move(move));
    any.store(true, std::memory_order_release);
  }
};

Pager::Client::Client(Pager& pager, const PageTable& table) : pager_(pager), table_(table) {
  const std::lock_guard lock(pager_.clients_mutex_);
  pager_.clients_.push_back(this);
}

Pager::Client::~Client() {
  const std::lock_guard lock(pager_.clients_mutex_);
  std::erase(pager_.clients_, this);
}

Pager::Pager(Env& env, FramePool& pool, PrefixTree& prefixes, SwapFile* swap)
    : env_(env), pool_(pool), prefixes_(prefixes), swap_(swap), inbox_(std::make_shared<Inbox>()) {}

Pager::~Pager() = default;

PagerStats Pager::stats() const noexcept {
  const uint64_t streamed = layers_streamed_ / pool_.shape().n_layers;
  return {swapped_out_, swapped_in_, faults_, dropped_, recomputed_, retiered_, streamed, io_errors_};
}

void Pager::poll() {
  if (streaming_.load(std::memory_order_relaxed))
    return;  // reads from places, which stay till its pass is over
  if (inbox_->any.load(std::memory_order_acquire)) {
    std::vector<std::shared_ptr<Move>> finished;
    {
      const std::lock_guard lock(inbox_->mutex);
      finished.swap(inbox_->finished);
      inbox_->any.store(false, std::memory_order_relaxed);
    }
    for (const std::shared_ptr<Move>& move : finished) finish(*move);
  }
  if (!retired_.empty() && in_pass_.load(std::memory_order_acquire) == 0) {
    for (const uint32_t place : retired_) pool_.discard(place);
    retired_.clear();
  }
}

// What a move leaves behind: the page at its new place, or where it was, or lost.
void Pager::finish(Move& move) {
  const uint32_t page = move.page.index();
  if (const auto at = moving_.find(page); at != moving_.end() && at->second.get() == &move) moving_.erase(at);
  const bool out = move.kind == Move::Kind::kOut;
  if (out && !move.cancelled) --going_out_;
  if (!move.status) {
    ++io_errors_;
    if (out) ++write_errors_;
  }
  uint32_t left = FramePool::kNowhere;
  if (move.status && !move.cancelled) left = pool_.move(page, move.to);
  if (left != FramePool::kNowhere) {
    pool_.discard(left);
    ++(out ? swapped_out_ : swapped_in_);
    return;
  }
  pool_.discard(move.to);
  if (out || move.status) return;
  // The only copy is gone: the page is computed again from its tokens.
  left = pool_.move(page, pool_.take_place(PagePlace::kLost));
  if (left == FramePool::kNowhere) return;
  pool_.discard(left);
  ++dropped_;
}

// `claim`: pages on their way out stay; else they count as gone.
Pager::Missing Pager::look(const Client& client, bool claim) {
  Missing missing;
  pages_.clear();
  client.table_.numbers(pages_);
  for (const uint32_t page : pages_) {
    if (page == kNoPage) continue;
    if (!moving_.empty()) {
      if (const auto at = moving_.find(page); at != moving_.end()) {
        Move& move = *at->second;
        if (move.kind != Move::Kind::kOut || (!claim && !move.cancelled)) {
          ++missing.coming;
        } else if (!move.cancelled) {
          move.cancelled = true;
          --going_out_;
        }
        continue;
      }
    }
    const PagePlace place = pool_.place(page);
    if (place == PagePlace::kSwap) ++missing.swapped;
    if (place == PagePlace::kLost) ++missing.lost;
  }
  return missing;
}

Pager::Admission Pager::admit(Client& client, bool last_resort) {
  poll();
  const bool had_turn = client.admitted_;
  const bool changed = client.changed_.exchange(false, std::memory_order_acquire);
  if (changed || (client.idle_ && client.departures_ != departures_)) client.admitted_ = false;
  client.idle_ = false;
  if (client.admitted_) return Admission::kAdmitted;
  if (incoming_ != &client && look(client, false).any()) {
    if (incoming_ != nullptr) return Admission::kWait;
    incoming_ = &client;
    ++faults_;
  }
  if (incoming_ == &client) {
    const Admission brought = bring_in(client, last_resort);
    if (brought != Admission::kAdmitted) return brought;
    incoming_ = nullptr;
  }
  client.admitted_ = true;
  if (!had_turn) client.admitted_at_ = env_.now();
  return Admission::kAdmitted;
}

Pager::Admission Pager::bring_in(Client& client, bool last_resort) {
  if (!client.streams_) client.streams_ = swap_ != nullptr && larger_than_memory(client, 0);
  if (client.streams_) return settle(client, last_resort);
  const Missing missing = look(client, true);
  if (!missing.any()) return Admission::kAdmitted;
  uint64_t blocked = 0;
  if (missing.swapped > 0) {
    for (const uint32_t page : pages_) {
      if (page == kNoPage || pool_.place(page) != PagePlace::kSwap || moving_.contains(page)) continue;
      if (blocked > 0 || !start_reading(page)) ++blocked;
    }
  }
  if (blocked > 0) {
    const uint64_t coming = reclaim(blocked, client, last_resort);
    return coming == 0 && moving_.empty() ? Admission::kStuck : Admission::kWait;
  }
  return missing.swapped + missing.coming > 0 ? Admission::kWait : Admission::kLost;
}

// A page that a stream could not read is as one that came back wrong.
PageStream::Lost Pager::tell_lost() {
  return [inbox = inbox_, &pool = pool_](uint32_t page, Status why) {
    const uint32_t nowhere = pool.take_place(PagePlace::kLost);
    inbox->put(std::make_shared<Move>(Move{Move::Kind::kIn, pool.share(page), nowhere, false, {}}),
               std::move(why));
  };
}

bool Pager::start_reading(uint32_t page) {
  const uint32_t slot = pool_.swap_slot(page);
  const KvTier tier = swap_->tier(slot);
  const uint32_t to = pool_.take_place(place_of(tier));
  if (to == FramePool::kNowhere) return false;
  auto move = std::make_shared<Move>(Move{Move::Kind::kIn, pool_.share(page), to, false, {}});
  moving_[page] = move;
  swap_->read(slot, {pool_.bytes_at(to), pool_.shape().frame_bytes(tier)},
              [inbox = inbox_, move](Status status) { inbox->put(move, std::move(status)); });
  return true;
}

uint32_t Pager::revive(Client& client, uint32_t n, uint32_t& first) {
  assert(client.reviving_.empty());
  pages_.clear();
  client.table_.numbers(pages_);
  for (uint32_t at = 0; at < pages_.size() && client.reviving_.size() < n; ++at) {
    const uint32_t page = pages_[at];
    if (page == kNoPage || pool_.place(page) != PagePlace::kLost) {
      if (client.reviving_.empty()) continue;
      break;
    }
    const uint32_t to = pool_.take_place(PagePlace::kF16);
    if (to == FramePool::kNowhere) break;
    pool_.discard(pool_.move(page, to));  // nobody pins what is nowhere
    if (client.reviving_.empty()) first = at;
    client.reviving_.push_back(page);
    moving_[page] = std::make_shared<Move>(Move{Move::Kind::kCompute, pool_.share(page), to, false, {}});
  }
  return static_cast<uint32_t>(client.reviving_.size());
}

void Pager::revived(Client& client, bool computed) {
  for (const uint32_t page : client.reviving_) {
    const std::shared_ptr<Move> move = moving_.extract(page).mapped();
    if (computed) {
      ++recomputed_;
    } else {
      pool_.discard(pool_.move(page, pool_.take_place(PagePlace::kLost)));
    }
  }
  client.reviving_.clear();
}

Pager::Admission Pager::make_room(Client& client, uint32_t n, bool last_resort) {
  poll();
  if (!client.streams_ && larger_than_memory(client, n)) {
    if (swap_ == nullptr) return Admission::kTooLarge;
    client.streams_ = true;
  }
  if (client.streams_) return make_room_to_stream(client, n, last_resort);
  const uint64_t coming = reclaim(n, client, last_resort);
  if (pool_.free_frames() >= n) return Admission::kAdmitted;
  return coming == 0 && moving_.empty() ? Admission::kStuck : Admission::kWait;
}

void Pager::begin_pass(Client& client) noexcept {
  if (!client.in_pass_.exchange(true)) in_pass_.fetch_add(1, std::memory_order_relaxed);
}

void Pager::end_pass(Client& client) noexcept {
  if (!client.in_pass_.exchange(false)) return;
  if (client.stream_) {
    client.outcome_ = client.stream_->outcome();
    if (client.outcome_ != PageStream::Outcome::kRead) client.changed_.store(true, std::memory_order_release);
    close_stream(client);
  }
  in_pass_.fetch_sub(1, std::memory_order_release);
}

void Pager::leave(Client& client) {
  if (!client.reviving_.empty()) revived(client, false);
  end_pass(client);
  close_stream(client);
  if (incoming_ == &client) incoming_ = nullptr;
  client.idle_ = true;
  client.departures_ = departures_;
  client.idle_since_ = left_at_ = env_.now();
}

Pager::Rank Pager::rank(const Client& client, Nanos now) const {
  if (client.in_pass_.load(std::memory_order_relaxed) || &client == incoming_) return Rank::kStays;
  if (client.idle_) {
    const Nanos left = client.idle_since_ + client.expected_wait_.load(std::memory_order_relaxed) - now;
    return left > 0 && left <= kShortWait ? Rank::kIdleShortly : Rank::kIdle;
  }
  if (!client.admitted_) return Rank::kWaits;
  return now - client.admitted_at_ > kQuantum ? Rank::kHadItsTurn : Rank::kHasItsTurn;
}

// Who may be put out, first to last.
std::vector<Pager::Victim> Pager::victims(const Client& keep, bool last_resort) {
  const Nanos now = env_.now();
  std::vector<Victim> found;
  for (Client* client : clients_) {
    const Rank its = rank(*client, now);
    if (client == &keep || its > (last_resort ? Rank::kHasItsTurn : Rank::kHadItsTurn)) continue;
    found.push_back({client, its, client->niceness_.load(std::memory_order_relaxed),
                     client->idle_ ? client->idle_since_ : client->admitted_at_});
  }
  std::sort(found.begin(), found.end(), [](const Victim& a, const Victim& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    if (a.niceness != b.niceness) return a.niceness > b.niceness;
    return a.since < b.since;
  });
  return found;
}

// Pages of contexts that take part in passes, or are about to, stay, whoever else holds them; but not those
// of `yields` alone.
void Pager::protect_pages(const Client* yields) {
  protected_.resize(pool_.pages_max());
  ++round_;
  for (const Client* client : clients_) {
    if (client == yields || (client != incoming_ && (client->idle_ || !client->admitted_))) continue;
    pages_.clear();
    client->table_.numbers(pages_);
    for (const uint32_t page : pages_) {
      if (page != kNoPage) protected_[page] = round_;
    }
  }
}

// Sees to it that so many frames come free; how many will, and have.
uint64_t Pager::reclaim(uint64_t pages, const Client& keep, bool last_resort) {
  uint64_t coming = going_out_;
  if (coming < pages)
    coming += prefixes_.evict(static_cast<uint32_t>(std::max<uint64_t>(pages - coming, kBatchPages)));
  if (coming >= pages) return coming;
  const uint64_t wanted = std::max<uint64_t>(pages - coming, kBatchPages);
  uint64_t put = 0;
  const std::lock_guard lock(clients_mutex_);
  protect_pages(nullptr);
  for (const Victim& victim : victims(keep, last_resort)) {
    if (put >= wanted) break;
    // One that has its turn is put out only when there is no other way.
    if (victim.rank == Rank::kHasItsTurn && coming + put > 0) break;
    if (victim.rank >= Rank::kHadItsTurn) {
      victim.client->admitted_ = false;
      protect_pages(nullptr);
    }
    put += put_out(*victim.client, wanted - put);
  }
  return coming + put;
}

uint64_t Pager::put_out(Client& victim, uint64_t pages) {
  const std::lock_guard lock(victim.mutex_);
  // Dropped pages of a context that streams would be computed again one after the other, and dropped again.
  const Unwritten unwritten = victim.streams_ ? Unwritten::kKeep : Unwritten::kDrop;
  std::vector<uint32_t> own;
  victim.table_.numbers(own);
  uint64_t put = 0;
  for (const uint32_t page : own) {
    if (put >= pages) break;
    if (page != kNoPage && put_out_page(page, unwritten)) ++put;
  }
  departures_ += put;
  if (put > 0) victim.admitted_ = false, victim.refills_ = victim.streams_;
  return put;
}

bool Pager::put_out_page(uint32_t page, Unwritten unwritten) {
  if (protected_[page] == round_) return false;
  if (const auto at = moving_.find(page); at != moving_.end()) {
    Move& move = *at->second;
    if (move.kind != Move::Kind::kOut || !move.cancelled) return false;
    move.cancelled = false;  // on its way still, after it had been called back
    ++going_out_;
    return true;
  }
  const PagePlace place = pool_.place(page);
  if (!is_resident(place)) return false;
  const bool writable = swap_ != nullptr && write_errors_ < kWriteErrorsMax;
  const uint32_t slot = writable ? pool_.take_place(PagePlace::kSwap) : FramePool::kNowhere;
  if (slot == FramePool::kNowhere && unwritten == Unwritten::kKeep) return false;
  if (slot == FramePool::kNowhere) {
    const uint32_t left = pool_.move(page, pool_.take_place(PagePlace::kLost));
    if (left == FramePool::kNowhere) return false;
    pool_.discard(left);
    ++dropped_;
    return true;
  }
  auto move = std::make_shared<Move>(Move{Move::Kind::kOut, pool_.share(page), slot, false, {}});
  moving_[page] = move;
  ++going_out_;
  const KvTier tier = static_cast<KvTier>(place);
  swap_->write(pool_.slot_at(slot), tier, {pool_.data(page), pool_.shape().frame_bytes(tier)},
               [inbox = inbox_, move](Status status) { inbox->put(move, std::move(status)); });
  return true;
}

KvTier Pager::tier(uint32_t page) const {
  const PagePlace place = pool_.place(page);
  if (is_resident(place)) return static_cast<KvTier>(place);
  return place == PagePlace::kSwap ? swap_->tier(pool_.swap_slot(page)) : KvTier::kF16;
}

bool Pager::retier(uint32_t page, KvTier tier) {
  const PagePlace place = pool_.place(page);
  if (pool_.shape().head_dim % PHI_PAGE_TOKENS != 0) return false;  // no format below f16 holds such heads
  if (!is_resident(place) || place >= place_of(tier) || moving_.contains(page)) return false;
  const uint32_t to = pool_.take_place(place_of(tier));
  if (to == FramePool::kNowhere) return false;
  const std::byte* f16 = pool_.data(page);
  if (place != PagePlace::kF16) {
    scratch_.resize(pool_.shape().frame_bytes());
    decode_frame(pool_.shape(), static_cast<KvTier>(place), f16, scratch_.data());
    f16 = scratch_.data();
  }
  encode_frame(pool_.shape(), f16, PHI_PAGE_TOKENS, tier, pool_.bytes_at(to));
  const uint32_t left = pool_.move(page, to);
  if (left == FramePool::kNowhere) {
    pool_.discard(to);
    return false;
  }
  // Another context may read the page in the pass that is being formed.
  if (pool_.unique(page)) {
    pool_.discard(left);
  } else {
    retired_.push_back(left);
  }
  ++retiered_;
  return true;
}

}  // namespace phios
