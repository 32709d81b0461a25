#include "kernel/runtime/measure.h"

#include <cstdio>

#include "kernel/runtime/context.h"
#include "tests/unit/kernel/runtime/fixture.h"

namespace phios {
namespace {

using MeasureTest = RuntimeTest;

// Bounds are wide: they catch a runtime that does something dear on its hot path, not a busy machine.
TEST_F(MeasureTest, FiguresAreNearTheirFloors) {
  if (rt::kInstrumented) GTEST_SKIP() << "instrumented code has other figures";
  auto runtime = start();
  const SchedFloors floors = measure_sched_floors();
  const auto figures = measure_runtime(*runtime);
  ASSERT_TRUE(figures) << figures.error().message;
  std::printf(
      "switch %.1f (floor %.1f), spawn+exit %.1f (floor %.1f), round trip %.1f ns, parked %.0f bytes\n",
      figures->switch_ns, floors.switch_ns, figures->spawn_exit_ns, floors.fiber_ns, figures->roundtrip_ns,
      figures->parked_bytes);
  EXPECT_GT(figures->switch_ns, 0);
  EXPECT_LT(figures->switch_ns, 10 * floors.switch_ns);
  EXPECT_LT(figures->spawn_exit_ns, 20 * floors.fiber_ns);
  EXPECT_LT(figures->roundtrip_ns, 100 * floors.switch_ns);
  EXPECT_LT(figures->parked_bytes, 16 << 10);
}

TEST_F(MeasureTest, ScalingIsMeasured) {
  const auto scaling = measure_scaling(env_, trace_);
  ASSERT_TRUE(scaling) << scaling.error().message;
  std::printf("two reactors do %.2f times the work of one, two threads %.2f times\n", scaling->reactors,
              scaling->threads);
  EXPECT_GT(scaling->reactors, 0.5);
}

}  // namespace
}  // namespace phios
