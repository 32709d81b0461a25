// Subnormal floats are zero while a FlushSubnormals lives, and in a model's workers.
#include "drivers/model/native/subnormals.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "drivers/model/native/worker_pool.h"

namespace phios {
namespace {

bool there_are_subnormals() {
  volatile float smallest = std::numeric_limits<float>::min();
  return smallest * 0.5f > 0.0f;
}

TEST(FlushSubnormals, LastsAsLongAsItLives) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "nothing is flushed on this processor";
#endif
  EXPECT_TRUE(there_are_subnormals());
  {
    const FlushSubnormals flush;
    EXPECT_FALSE(there_are_subnormals());
  }
  EXPECT_TRUE(there_are_subnormals());
}

TEST(FlushSubnormals, IsTheWorkersState) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "nothing is flushed on this processor";
#endif
  WorkerPool pool(2);
  std::atomic<int> elsewhere{0};
  pool.begin();
  // The caller may take every tile before the other wakes.
  for (int tries = 0; tries < 1'000'000 && elsewhere.load() == 0; ++tries)
    pool.run(64, [&](uint32_t, unsigned worker) {
      if (worker == 0) return;
      EXPECT_FALSE(there_are_subnormals());
      elsewhere.fetch_add(1);
    });
  pool.end();
  EXPECT_GT(elsewhere.load(), 0);
  EXPECT_TRUE(there_are_subnormals());
}

}  // namespace
}  // namespace phios
