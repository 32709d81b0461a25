#include "kernel/runtime/measure.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "kernel/runtime/context.h"

namespace phios {

namespace {

constexpr int kBatches = 41;
constexpr int kRounds = 1000;       // of a batch
constexpr uint32_t kParked = 2000;  // fibers of which the memory is taken
constexpr int kScalingRuns = 7;
constexpr uint32_t kWorkers = 32;  // fibers of one scaling run
constexpr int kChunks = 40;        // between which a worker yields
constexpr int kChunkSteps = 20'000;

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Runs fn on a fiber and waits for its end.
Status run_on_fiber(Runtime& runtime, std::function<void()> fn) {
  Waiter done;
  TRY(runtime.spawn("measure", [&] {
    fn();
    done.wake();
  }));
  done.await();
  return {};
}

// Both fibers yield to each other. Where a thief took one of them, their turns are no longer in step, and the
// batch does not count.
Status measure_switch(Runtime& runtime, std::vector<double>& nanos) {
  struct Partner {
    std::atomic<bool> stop{false};
    std::atomic<int> turns{0};
  };
  auto partner = std::make_shared<Partner>();
  TRY(runtime.spawn("measure partner", [partner] {
    while (!partner->stop.load(std::memory_order_relaxed)) {
      partner->turns.store(partner->turns.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      this_fiber::yield();
    }
  }));
  this_fiber::yield();
  const int before = partner->turns.load();
  const Nanos start = runtime.env().now();
  for (int i = 0; i < kRounds; i++) this_fiber::yield();
  const Nanos took = runtime.env().now() - start;
  const int turns = partner->turns.load() - before;
  partner->stop.store(true);
  this_fiber::yield();
  if (turns == kRounds) nanos.push_back(static_cast<double>(took) / (2 * kRounds));
  return {};
}

Status measure_spawn(Runtime& runtime, std::vector<double>& nanos) {
  const Nanos start = runtime.env().now();
  for (int i = 0; i < kRounds; i++) {
    TRY(runtime.spawn("child", [] {}));
    this_fiber::yield();
  }
  nanos.push_back(static_cast<double>(runtime.env().now() - start) / kRounds);
  return {};
}

Status measure_roundtrip(Runtime& runtime, std::vector<double>& nanos) {
  struct Pair {
    std::vector<Waiter> there{kRounds}, back{kRounds};
  };
  auto pair = std::make_shared<Pair>();
  TRY(runtime.spawn("measure echo", [pair] {
    for (int i = 0; i < kRounds; i++) {
      pair->there[i].await();
      pair->back[i].wake();
    }
  }));
  this_fiber::yield();
  const Nanos start = runtime.env().now();
  for (int i = 0; i < kRounds; i++) {
    pair->there[i].wake();
    pair->back[i].await();
  }
  nanos.push_back(static_cast<double>(runtime.env().now() - start) / kRounds);
  return {};
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

Status measure_parked(Runtime& runtime, double& bytes) {
  std::vector<Waiter> waiters(kParked);
  const double before = resident_bytes();
  std::atomic<uint32_t> alive{0};
  Status status;
  for (Waiter& waiter : waiters) {
    status = runtime.spawn("parked", [&waiter, &alive] {
      waiter.await();
      alive.fetch_sub(1);
    });
    if (!status) break;
    alive.fetch_add(1);
  }
  for (int i = 0; i < 2; i++) this_fiber::sleep_until(runtime, runtime.env().now() + 50 * kMillisecond);
  bytes = (resident_bytes() - before) / kParked;
  for (Waiter& waiter : waiters) waiter.wake();
  while (static_cast<int32_t>(alive.load()) > 0) this_fiber::yield();
  return status;
}

uint64_t work_chunk(uint64_t value) {
  for (int i = 0; i < kChunkSteps; i++) value = derive_seed(value, 1);
  return value;
}

Result<Nanos> time_reactors(Env& env, Trace& trace, uint32_t reactors) {
  std::atomic<uint64_t> sum{0};  // so that the work is not optimized away
  std::vector<Waiter> ends(kWorkers);
  RuntimeOptions options;
  options.reactors = reactors;
  auto runtime = TRY(Runtime::start(env, trace, options));
  const Nanos start = env.now();
  for (Waiter& end : ends) {
    TRY(runtime->spawn("worker", [&] {
      uint64_t value = 1;
      for (int c = 0; c < kChunks; c++) {
        value = work_chunk(value);
        this_fiber::yield();
      }
      sum.fetch_add(value);
      end.wake();
    }));
  }
  for (Waiter& end : ends) end.await();
  return env.now() - start;
}

Nanos time_threads(Env& env, uint32_t count) {
  std::atomic<uint64_t> sum{0};
  std::atomic<int> chunks{static_cast<int>(kWorkers) * kChunks};
  const Nanos start = env.now();
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < count; t++) {
    threads.emplace_back([&] {
      uint64_t value = 1;
      while (chunks.fetch_sub(1, std::memory_order_relaxed) > 0) value = work_chunk(value);
      sum.fetch_add(value);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return env.now() - start;
}

}  // namespace

SchedFloors measure_sched_floors() { return {rt::bare_switch_nanos(), rt::bare_fiber_nanos()}; }

Result<RuntimeFigures> measure_runtime(Runtime& runtime) {
  RuntimeFigures figures;
  std::vector<double> switches, spawns, roundtrips;
  Status status;
  const auto all = [&] {
    for (int b = 0; b < kBatches && status; b++) {
      status = measure_switch(runtime, switches);
      if (status) status = measure_spawn(runtime, spawns);
      if (status) status = measure_roundtrip(runtime, roundtrips);
    }
    if (status) status = measure_parked(runtime, figures.parked_bytes);  // the above used only a few stacks
  };
  TRY(run_on_fiber(runtime, all));
  if (!status) return std::unexpected(status.error());
  figures.switch_ns = median(switches);
  figures.spawn_exit_ns = median(spawns);
  figures.roundtrip_ns = median(roundtrips);
  return figures;
}

Result<Scaling> measure_scaling(Env& env, Trace& trace) {
  std::vector<double> reactors, threads;
  for (int i = 0; i < kScalingRuns; i++) {
    const auto one = static_cast<double>(TRY(time_reactors(env, trace, 1)));
    reactors.push_back(one / static_cast<double>(TRY(time_reactors(env, trace, 2))));
    const auto one_thread = static_cast<double>(time_threads(env, 1));
    threads.push_back(one_thread / static_cast<double>(time_threads(env, 2)));
  }
  return Scaling{median(reactors), median(threads)};
}

}  // namespace phios
