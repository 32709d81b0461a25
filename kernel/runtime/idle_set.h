// IdleSet: which reactors sleep, which one of them watches over the busy ones, and whether one that was woken
// is still looking for work. All of it stands in one atomic word, so that every question has an order.
//
// Why nothing is lost: a sleeper enters by a read-modify-write and then looks at the queues once more;
// whoever posts from outside pushes and then reads the word by a read-modify-write too. Whichever comes
// second sees the other. A reactor that pushes to its own queue reads the word without a fence and may miss a
// sleeper that is just entering; that costs no wake-up, since a sleeper that sees a busy reactor watches it
// (sleeps with a short timeout), and since the pusher runs what it pushed itself in any case.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>

namespace phios::rt {

inline constexpr uint32_t kReactorsMax = 62;

class IdleSet {
 public:
  explicit IdleSet(uint32_t reactors) : everyone_((uint64_t{1} << reactors) - 1) {}

  // Before a sleep; true: the caller is the watcher and sleeps with a short timeout.
  bool enter(uint32_t reactor) noexcept {
    uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
      uint64_t next = (word | bit(reactor)) & ~kSearching;
      const bool watch = (word & kWatched) == 0 && (next & everyone_) != everyone_;
      if (watch) next |= kWatched;
      if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return watch;
      }
    }
  }
  void leave(uint32_t reactor, bool watching) noexcept {
    word_.fetch_and(~(bit(reactor) | (watching ? kWatched : 0)), std::memory_order_acq_rel);
  }
  void end_search() noexcept {
    if (word_.load(std::memory_order_relaxed) & kSearching) {
      word_.fetch_and(~kSearching, std::memory_order_acq_rel);
    }
  }

  // Whether a reactor that has `queued` pieces of work waiting should wake another one. Cheap and
  // approximate.
  bool wants_help(uint32_t queued) const noexcept {
    const uint64_t word = word_.load(std::memory_order_relaxed);
    if ((word & everyone_) == 0) [[likely]]
      return false;
    return (word & kSearching) == 0 && (queued >= 2 || (word & kWatched) == 0);
  }
  bool someone_sleeps() const noexcept { return (word_.load(std::memory_order_relaxed) & everyone_) != 0; }

  // Takes a sleeper out of the set; the caller has to wake it. None if all are awake, or one is looking for
  // work already.
  std::optional<uint32_t> claim_any() noexcept {
    uint64_t word = word_.fetch_or(0, std::memory_order_acq_rel);
    for (;;) {
      if ((word & everyone_) == 0 || (word & kSearching) != 0) return std::nullopt;
      const uint32_t reactor = static_cast<uint32_t>(std::countr_zero(word & everyone_));
      if (word_.compare_exchange_weak(word, (word & ~bit(reactor)) | kSearching, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        return reactor;
      }
    }
  }
  // True if `reactor` slept: then the caller has to wake it.
  bool claim(uint32_t reactor) noexcept {
    return (word_.fetch_and(~bit(reactor), std::memory_order_acq_rel) & bit(reactor)) != 0;
  }

 private:
  static constexpr uint64_t kWatched = uint64_t{1} << 63;
  static constexpr uint64_t kSearching = uint64_t{1} << 62;
  static constexpr uint64_t bit(uint32_t reactor) { return uint64_t{1} << reactor; }

  const uint64_t everyone_;
  alignas(64) std::atomic<uint64_t> word_{0};
};
static_assert(kReactorsMax == 62, "two bits of the word are not reactors");

}  // namespace phios::rt
