// WorkerPool: threads that share out the tiles of a pass's phases.
//
// Each worker takes the tiles of a range of its own, in order, half of what is left at once, and when that is
// done the last ones of others' ranges: what tiles read that lie side by side in memory, one core then reads
// as one stream. Tiles taken in turn from one counter get two thirds of the bandwidth
// (docs/decisions/decode-alone.md). A tile must not wait for one behind it.
//
// Ownership: owns its threads; joined by the destructor. Threads: begin, run and end by one thread at a time,
// which takes tiles too and counts as worker 0. A worker that comes late costs nothing: the others take its
// tiles; one that is held up keeps those that it took. Workers are pinned, each to a core of those that the
// process may use, spin a few microseconds between phases, then leave the core to whoever wants it, and park
// on a futex between passes.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace phios {

class WorkerPool {
 public:
  static constexpr unsigned kThreadsMax = 256;
  static constexpr uint32_t kTilesMax = 1u << 20;

  // threads: workers in all, the caller included; 0: as many as the cores that the process may use.
  explicit WorkerPool(unsigned threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(threads_.size()) + 1; }

  // Around a pass that uses run(): wakes the workers, lets them park.
  void begin() noexcept;
  void end() noexcept;

  // Calls f(tile, worker) for every tile < tiles, on any workers, and returns when all are done.
  template <class F>
  void run(uint32_t tiles, F&& f) noexcept {
    run_job({[](void* context, uint32_t tile, unsigned worker) { (*static_cast<F*>(context))(tile, worker); },
             &f},
            tiles);
  }

 private:
  struct Job {
    void (*call)(void* context, uint32_t tile, unsigned worker) = nullptr;
    void* context = nullptr;
  };

  // Tiles [next, end) of a phase: 24 bits of its number, 20 of end, 20 of next.
  struct alignas(64) Range {
    std::atomic<uint64_t> tiles{0};
  };

  void run_job(Job job, uint32_t tiles) noexcept;
  bool take_tile(unsigned worker) noexcept;
  bool take_from(Range& range, bool own, unsigned worker) noexcept;
  bool tiles_left() const noexcept;
  void work(unsigned worker) noexcept;
  void park() noexcept;
  void wake() noexcept;

  Job job_;                         // written between phases, read by who took a tile of the phase
  std::vector<Range> ranges_;       // one for each worker
  std::atomic<uint32_t> done_{0};   // tiles of this phase that are finished
  std::atomic<uint32_t> epoch_{0};  // the futex: counts wakes
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> active_{false};
  std::atomic<bool> stop_{false};
  uint32_t phase_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace phios
