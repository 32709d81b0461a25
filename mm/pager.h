// Pager: whose pages are in memory. A context takes part in passes while it is admitted: all its pages are
// resident and none leaves. When frames run out, pages of others go to the swap file, or without one are
// dropped, to be computed again: idle contexts first, then those that wait for their turn, then those that
// have had it (docs/decisions/paging.md). A context that is larger than the memory is admitted without all of
// its pages, and streams: a pass of it reads those on disk layer by layer (mm/page_stream.h).
//
// Ownership: the kernel owns it; a Client belongs to the owner of its page table and goes before it. Threads:
// all but Client's own methods and stats() on the one thread that forms passes; completions of the IO may
// come on any. Order: admit → (revive → begin_pass → end_pass →)* begin_pass → end_pass, again and again;
// leave. A context that streams calls open_stream() and attach_stream() before each begin_pass(). Lifetime:
// the swap file's IO is over before the pager goes. Units: pages; nanoseconds of Env. Errors: none; what
// could not be read is lost, and computed again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "kernel/base/env.h"
#include "mm/frame_pool.h"
#include "mm/page_stream.h"
#include "mm/page_table.h"
#include "mm/prefix_tree.h"
#include "mm/swap.h"

namespace phios {

struct PagerStats {
  uint64_t swapped_out = 0, swapped_in = 0;  // pages
  uint64_t faults = 0;                       // admissions that found a page missing
  uint64_t dropped = 0, recomputed = 0;      // pages
  uint64_t retiered = 0;                     // pages
  uint64_t streamed = 0;   // pages that passes read from disk, by layers, those of all passes added
  uint64_t io_errors = 0;  // writes and reads that failed, or came back changed
};

class Pager {
 public:
  static constexpr Nanos kQuantum =
      200 * kMillisecond;  // what an admitted context has before it may be put out
  static constexpr Nanos kShortWait = 50 * kMillisecond;  // pages stay through a wait that should end so soon
  static constexpr uint32_t kBatchPages = 16;             // go out together

  class Client {
   public:
    Client(Pager& pager, const PageTable& table);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Held by the owner while it changes the table outside of a pass; the pages are looked at anew
    // afterwards.
    class Change {
     public:
      explicit Change(Client& client) : client_(client), lock_(client.mutex_) {}
      ~Change() { client_.changed_.store(true, std::memory_order_release); }
      Change(const Change&) = delete;
      Change& operator=(const Change&) = delete;

     private:
      Client& client_;
      std::lock_guard<std::mutex> lock_;
    };
    // The owner waits, probably so long: its lease. `niceness` as the process has it.
    void expect_wait(Nanos wait, int niceness) noexcept {
      expected_wait_.store(wait, std::memory_order_relaxed);
      niceness_.store(niceness, std::memory_order_relaxed);
    }

   private:
    friend class Pager;
    Pager& pager_;
    const PageTable& table_;
    std::mutex mutex_;  // guards table_ while the context is idle
    std::atomic<bool> changed_{false};
    std::atomic<bool> in_pass_{false};
    std::atomic<Nanos> expected_wait_{0};
    std::atomic<int> niceness_{0};
    // Of the thread that forms passes, and of the pass.
    std::unique_ptr<PageStream> stream_;
    PageStream::Outcome outcome_ = PageStream::Outcome::kRead;
    // Of the thread that forms passes.
    bool streams_ = false;  // larger than memory
    bool refills_ = false;  // it streams, and others took frames from it
    bool admitted_ = false;
    bool idle_ = true;
    uint64_t departures_ = 0;  // of the pager, when this client left
    Nanos admitted_at_ = 0, idle_since_ = 0;
    std::vector<uint32_t> reviving_;
  };

  // `swap` may be null: pages are dropped then.
  Pager(Env& env, FramePool& pool, PrefixTree& prefixes, SwapFile* swap);
  ~Pager();

  enum class Admission : uint8_t {
    kAdmitted,
    kWait,      // for the disk, for a frame, or for its turn
    kLost,      // all is there but pages that have to be computed again: revive()
    kStuck,     // it waits, and nothing is under way that could end the wait
    kTooLarge,  // for the memory by itself, and there is no disk to stream from
  };
  // `last_resort`: nothing else can run, so nobody's turn is respected.
  Admission admit(Client& client, bool last_resort);
  // A lost page and those lost behind it, at most n, get frames to be computed into by the next pass; how
  // many, and in `first` the first's place in the table.
  uint32_t revive(Client& client, uint32_t n, uint32_t& first);
  void revived(Client& client, bool computed);  // after that pass
  // An admitted context needs n frames more than there are, and if it streams those that it borrows. As
  // admit().
  Admission make_room(Client& client, uint32_t n, bool last_resort);
  bool streams(const Client& client) const noexcept { return client.streams_; }
  // How many pages a pass may add: of a context that streams so few that they and the borrowed frames fit in
  // memory beside others'.
  uint32_t most_new_pages(const Client& client) const noexcept;
  // Borrows the frames through which the next pass of a context that streams reads. False: there are too few,
  // or another stream is in that pass.
  bool open_stream(Client& client);
  // view: of the table's first pages, and of the coming pass. Null where it does not stream.
  PageStream* attach_stream(Client& client, std::span<KvSpan> view, PageStream::Reads reads);
  // Did the last pass see all of its pages? If some are lost they will be computed again.
  PageStream::Outcome outcome(const Client& client) const noexcept { return client.outcome_; }
  void begin_pass(Client& client) noexcept;
  void end_pass(Client& client) noexcept;              // from any thread of the pass
  void leave(Client& client);                          // the context is idle from now on
  Nanos left_at() const noexcept { return left_at_; }  // when one did last, and may give frames back
  // Of a page in memory or on disk; f16 of one that neither holds.
  KvTier tier(uint32_t page) const;
  // Encodes a page of an admitted context anew. False: not now.
  bool retier(uint32_t page, KvTier tier);

  PagerStats stats() const noexcept;

 private:
  struct Move;
  struct Missing {
    uint32_t swapped = 0, coming = 0, lost = 0;
    bool any() const { return swapped + coming + lost > 0; }
  };
  enum class Rank : uint8_t { kIdle, kWaits, kIdleShortly, kHadItsTurn, kHasItsTurn, kStays };
  struct Victim {
    Client* client;
    Rank rank;
    int niceness;
    Nanos since;
  };

  void poll();
  void finish(Move& move);
  Missing look(const Client& client, bool claim);
  Admission bring_in(Client& client, bool last_resort);
  Admission settle(Client& client, bool last_resort);
  uint32_t refill(Client& client, uint32_t swapped);
  bool larger_than_memory(const Client& client, uint32_t more);
  Admission make_room_to_stream(Client& client, uint32_t n, bool last_resort);
  uint64_t put_out_own(Client& client, uint64_t pages);
  void close_stream(Client& client) noexcept;
  PageStream::Lost tell_lost();
  bool start_reading(uint32_t page);
  uint64_t reclaim(uint64_t pages, const Client& keep, bool last_resort);
  uint64_t put_out(Client& victim, uint64_t pages);
  enum class Unwritten : uint8_t { kDrop, kKeep };  // what becomes of a page that no slot is free for
  bool put_out_page(uint32_t page, Unwritten unwritten);
  void protect_pages(const Client* yields);
  std::vector<Victim> victims(const Client& keep, bool last_resort);
  Rank rank(const Client& client, Nanos now) const;

  Env& env_;
  FramePool& pool_;
  PrefixTree& prefixes_;
  SwapFile* swap_;
  std::mutex clients_mutex_;  // guards clients_
  std::vector<Client*> clients_;

  Client* incoming_ =
      nullptr;  // the one that is brought in: two at a time could each hold half of the memory
  std::unordered_map<uint32_t, std::shared_ptr<Move>> moving_;  // by page
  uint32_t going_out_ = 0;                                      // of them, those whose frames will come free
  uint32_t write_errors_ = 0;
  Nanos left_at_ = 0;
  std::vector<uint32_t> protected_;  // by page: the round in which it must stay
  uint32_t round_ = 0;
  uint64_t departures_ = 0;        // pages that were put out: an idle client may share them with the victim
  std::vector<uint32_t> retired_;  // places that a pass may still read
  std::vector<std::byte> scratch_;
  std::vector<uint32_t> pages_;

  struct Inbox;
  std::shared_ptr<Inbox> inbox_;        // of finished moves
  std::atomic<bool> streaming_{false};  // a stream is in the coming pass, or in the one that runs
  std::atomic<uint32_t> in_pass_{0};
  std::atomic<uint64_t> swapped_out_{0}, swapped_in_{0}, faults_{0}, dropped_{0}, recomputed_{0},
      retiered_{0}, layers_streamed_{0}, io_errors_{0};
};

}  // namespace phios
