#include "drivers/model/native/worker_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace phios {
namespace {

TEST(WorkerPool, EveryTileRunsOnceInEveryPhase) {
  for (const unsigned threads : {1u, 2u, 4u}) {
    WorkerPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (uint32_t tiles = 0; tiles < 200; ++tiles) {
      std::vector<int> runs(tiles);  // plain: what one phase wrote, the next reads
      pool.begin();
      for (int phase = 0; phase < 3; ++phase)
        pool.run(tiles, [&](uint32_t tile, unsigned worker) {
          EXPECT_LT(worker, threads);
          ++runs[tile];
        });
      pool.end();
      for (const int n : runs) EXPECT_EQ(n, 3);
    }
  }
}

TEST(WorkerPool, WorkersThatSleepAreWoken) {
  WorkerPool pool(3);
  for (int pass = 0; pass < 20; ++pass) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // long enough for them to park
    std::atomic<int> sum = 0;
    pool.begin();
    pool.run(50, [&](uint32_t tile, unsigned) { sum += static_cast<int>(tile); });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // and to park within a pass
    pool.run(50, [&](uint32_t tile, unsigned) { sum += static_cast<int>(tile); });
    pool.end();
    EXPECT_EQ(sum, 2 * 49 * 50 / 2);
  }
}

TEST(WorkerPool, OthersTakeTheTilesOfAWorkerThatIsHeldUp) {
  constexpr uint32_t kTiles = 100;
  for (const unsigned threads : {2u, 3u}) {
    WorkerPool pool(threads);
    std::atomic<uint32_t> done = 0;
    pool.begin();
    pool.run(kTiles, [&](uint32_t tile, unsigned) {
      while (tile == kTiles - 1 && done < kTiles - 1) std::this_thread::yield();
      ++done;
    });
    pool.end();
    EXPECT_EQ(done, kTiles);
  }
}

// Half of its range is taken with the tile at which it is held up; the rest is others'.
TEST(WorkerPool, OthersTakeWhatAWorkerThatIsHeldUpHasNotTaken) {
  constexpr uint32_t kTiles = 100;
  for (const unsigned threads : {2u, 3u}) {
    WorkerPool pool(threads);
    std::atomic<uint32_t> done = 0;
    const uint32_t taken_at_once = (kTiles / threads + 2) / 2;
    pool.begin();
    pool.run(kTiles, [&](uint32_t tile, unsigned) {
      while (tile == 0 && done < kTiles - taken_at_once) std::this_thread::yield();
      ++done;
    });
    pool.end();
    EXPECT_EQ(done, kTiles);
  }
}

TEST(WorkerPool, ComesAndGoesAtOnce) {
  for (int i = 0; i < 50; ++i) WorkerPool pool(4);
}

}  // namespace
}  // namespace phios
