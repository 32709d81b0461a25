// WorkerPool: threads that take the tiles of a pass's phases by an atomic counter.
//
// Ownership: owns its threads; joined by the destructor. Threads: begin, run and end by one thread at a time,
// which takes tiles too and counts as worker 0. A worker that comes late costs nothing: the others take its
// tiles. Workers are pinned, each to a core of those that the process may use, spin a few microseconds
// between phases, and park on a futex between passes.
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

  void run_job(Job job, uint32_t tiles) noexcept;
  bool take_tile(unsigned worker) noexcept;
  void work(unsigned worker) noexcept;
  void park() noexcept;
  void wake() noexcept;

  Job job_;                           // written between phases, read by who took a tile of the phase
  std::atomic<uint64_t> tickets_{0};  // phase number, tiles, next tile
  std::atomic<uint32_t> done_{0};     // tiles of this phase that are finished
  std::atomic<uint32_t> epoch_{0};    // the futex: counts wakes
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> active_{false};
  std::atomic<bool> stop_{false};
  uint32_t phase_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace phios
