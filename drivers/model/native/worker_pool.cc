#include "drivers/model/native/worker_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "drivers/model/native/subnormals.h"

namespace phios {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSpinInPass = std::chrono::microseconds(20);    // a phase's serial part is shorter
constexpr auto kYieldInPass = std::chrono::microseconds(500);  // its last task is, of a long context
constexpr auto kSpinAfter = std::chrono::microseconds(4);
constexpr int kSpinsForTile = 2000;
constexpr int kSpinsPerLook = 32;  // at the clock

constexpr uint64_t kTileBits = 20;
constexpr uint64_t kTileMask = (uint64_t{1} << kTileBits) - 1;
constexpr uint64_t kEndStep = uint64_t{1} << kTileBits;
constexpr uint64_t pack(uint64_t phase, uint64_t next, uint64_t end) {
  return (phase << (2 * kTileBits)) | (end << kTileBits) | next;
}
constexpr uint32_t next_of(uint64_t range) { return static_cast<uint32_t>(range & kTileMask); }
constexpr uint32_t end_of(uint64_t range) { return static_cast<uint32_t>((range >> kTileBits) & kTileMask); }
static_assert(WorkerPool::kTilesMax == kTileMask + 1);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set)) cores.push_back(i);
  if (cores.empty()) cores.push_back(0);
  return cores;
}

void pin(std::thread& thread, int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  // Refused in some containers; then the scheduler places the thread.
  ::pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

}  // namespace

WorkerPool::WorkerPool(unsigned threads) {
  const std::vector<int> cores = usable_cores();
  if (threads == 0) threads = static_cast<unsigned>(cores.size());
  threads = std::min(threads, kThreadsMax);
  ranges_ = std::vector<Range>(threads);
  for (unsigned i = 1; i < threads; ++i) {
    threads_.emplace_back([this, i] { work(i); });
    pin(threads_.back(), cores[i % cores.size()]);
  }
}

WorkerPool::~WorkerPool() {
  stop_.store(true);
  wake();
  for (std::thread& t : threads_) t.join();
}

void WorkerPool::begin() noexcept {
  active_.store(true);
  if (sleepers_.load() > 0) wake();
}

void WorkerPool::end() noexcept { active_.store(false); }

void WorkerPool::wake() noexcept {
  epoch_.fetch_add(1);
  ::syscall(SYS_futex, &epoch_, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

void WorkerPool::run_job(Job job, uint32_t tiles) noexcept {
  job_ = job;
  done_.store(0, std::memory_order_relaxed);
  ++phase_;
  const uint64_t n = std::min(tiles, kTilesMax - 1), workers = ranges_.size();
  for (uint64_t w = workers; w-- > 0;)
    ranges_[w].tiles.store(
        pack(phase_, (n * w + workers - 1) / workers, (n * (w + 1) + workers - 1) / workers));
  if (sleepers_.load() > 0) wake();
  while (take_tile(0)) {
  }
  for (int spins = 0; done_.load(std::memory_order_acquire) < tiles; ++spins)
    if (spins < kSpinsForTile)
      pause();
    else
      ::sched_yield();  // the worker that holds the last tile may be waiting for this very core
}

bool WorkerPool::take_tile(unsigned worker) noexcept {
  if (take_from(ranges_[worker], true, worker)) return true;
  for (size_t i = 1; i < ranges_.size(); ++i)
    if (take_from(ranges_[(worker + i) % ranges_.size()], false, worker)) return true;
  return false;
}

// The first half of what is left of the worker's own range, the last tile of another's. The job cannot change
// under a worker that took tiles: run_job waits for them.
bool WorkerPool::take_from(Range& range, bool own, unsigned worker) noexcept {
  uint64_t left = range.tiles.load(std::memory_order_acquire);
  uint32_t n = 0;
  do {
    if (next_of(left) >= end_of(left)) return false;
    n = own ? (end_of(left) - next_of(left) + 1) / 2 : 1;
  } while (
      !range.tiles.compare_exchange_weak(left, own ? left + n : left - kEndStep, std::memory_order_acq_rel));
  const uint32_t first = own ? next_of(left) : end_of(left) - 1;
  for (uint32_t tile = first; tile < first + n; ++tile) job_.call(job_.context, tile, worker);
  done_.fetch_add(n, std::memory_order_release);
  return true;
}

void WorkerPool::work(unsigned worker) noexcept {
  const FlushSubnormals flush;
  auto idle_since = Clock::now();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (take_tile(worker)) {
      while (take_tile(worker)) {
      }
      idle_since = Clock::now();
      continue;
    }
    for (int i = 0; i < kSpinsPerLook; ++i) pause();
    const bool in_pass = active_.load(std::memory_order_relaxed);
    const auto idle = Clock::now() - idle_since;
    if (idle > (in_pass ? kYieldInPass : kSpinAfter)) {
      park();
      idle_since = Clock::now();
    } else if (in_pass && idle > kSpinInPass) {
      ::sched_yield();
    }
  }
}

// Announces itself first and looks for work again after, so that run_job either sees the sleeper or the
// sleeper sees the tiles.
void WorkerPool::park() noexcept {
  const uint32_t epoch = epoch_.load();
  sleepers_.fetch_add(1);
  if (!tiles_left() && !stop_.load())
    ::syscall(SYS_futex, &epoch_, FUTEX_WAIT_PRIVATE, epoch, nullptr, nullptr, 0);
  sleepers_.fetch_sub(1);
}

bool WorkerPool::tiles_left() const noexcept {
  return std::ranges::any_of(ranges_, [](const Range& range) {
    const uint64_t left = range.tiles.load();
    return next_of(left) < end_of(left);
  });
}

}  // namespace phios
