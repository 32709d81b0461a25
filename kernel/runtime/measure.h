// What the runtime costs, beside the floors that it cannot beat, measured in one run so that the ratios hold
// on a machine that is busy with other things too. For `phios bench sched` and the tests.
//
// Threads: call from a plain thread; the runtime should have nothing else to do. Units: nanoseconds, medians.
#pragma once

#include "kernel/base/result.h"
#include "kernel/runtime/runtime.h"

namespace phios {

struct SchedFloors {
  double switch_ns = 0;  // one bare Boost.Context switch
  double fiber_ns = 0;   // create, enter and destroy a bare fiber on a stack from malloc
};
SchedFloors measure_sched_floors();

struct RuntimeFigures {
  double switch_ns = 0;      // one yield to another fiber
  double spawn_exit_ns = 0;  // spawn a fiber that does nothing, and its end
  double roundtrip_ns = 0;   // two fibers wake each other once through Waiters
  double parked_bytes = 0;   // resident memory of a parked fiber
};
Result<RuntimeFigures> measure_runtime(Runtime& runtime);

// How many times the work of one two reactors do, on runtimes of their own, and what two bare threads make of
// the same work at the same time: on a machine whose cores are taken neither comes near 2.
struct Scaling {
  double reactors = 0;
  double threads = 0;
};
Result<Scaling> measure_scaling(Env& env, Trace& trace);

}  // namespace phios
