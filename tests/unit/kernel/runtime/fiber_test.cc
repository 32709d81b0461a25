#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "kernel/runtime/context.h"
#include "tests/unit/kernel/runtime/fixture.h"

namespace phios {
namespace {

using FiberTest = RuntimeTest;

TEST_F(FiberTest, RunsAFiberAndSaysSo) {
  auto runtime = start();
  Waiter done;
  bool on_fiber = false;
  size_t free = 0;
  EXPECT_FALSE(this_fiber::active());
  EXPECT_EQ(this_fiber::stack_free(), SIZE_MAX);
  must_spawn(*runtime, "one", [&] {
    on_fiber = this_fiber::active();
    free = this_fiber::stack_free();
    done.wake();
  });
  done.await();
  EXPECT_TRUE(on_fiber);
  EXPECT_GT(free, 64u << 10);
  EXPECT_LT(free, 512u << 10);
}

TEST_F(FiberTest, WakeMayComeBeforeAwaitAndMoreThanOnce) {
  auto runtime = start();
  Waiter early, done;
  early.wake();
  early.wake();
  must_spawn(*runtime, "late", [&] {
    early.await();
    done.wake();
  });
  done.await();
  Waiter on_thread;
  on_thread.wake();
  on_thread.await();
}

TEST_F(FiberTest, YieldGoesToTheBackOfTheQueue) {
  auto runtime = start({.reactors = 1});
  std::vector<int> order;
  Waiter done;
  must_spawn(*runtime, "root", [&] {
    for (int f = 0; f < 3; f++) {
      must_spawn(*runtime, "turn", [&, f] {
        for (int i = 0; i < 3; i++) {
          order.push_back(f);
          this_fiber::yield();
        }
        if (f == 2) done.wake();
      });
    }
  });
  done.await();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
}

TEST_F(FiberTest, ShuffledQueueStillRunsEverything) {
  RuntimeOptions options{.reactors = 1, .shuffle_ready = true};
  auto runtime = start(options);
  std::vector<int> order, sorted;
  Waiter done;
  must_spawn(*runtime, "root", [&] {
    for (int f = 0; f < 200; f++) {
      must_spawn(*runtime, "shuffled", [&, f] {
        order.push_back(f);
        if (order.size() == 200) done.wake();
      });
    }
  });
  done.await();
  sorted = order;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_NE(order, sorted);
  for (int f = 0; f < 200; f++) EXPECT_EQ(sorted[f], f);
}

TEST_F(FiberTest, StormOfSpawnsParksAndWakesAcrossReactors) {
  constexpr int kFibers = rt::kInstrumented ? 200 : 1000, kHops = 100;
  auto runtime = start({.reactors = 4});
  std::vector<Waiter> links(kFibers * kHops);
  std::atomic<int> ended{0};
  Waiter done;
  // Fiber f waits for link (f, i) and then wakes (f + 1, i): chains that cross every reactor.
  for (int f = 0; f < kFibers; f++) {
    must_spawn(*runtime, "storm", [&, f] {
      for (int i = 0; i < kHops; i++) {
        links[static_cast<size_t>(i) * kFibers + f].await();
        if (f + 1 < kFibers) links[static_cast<size_t>(i) * kFibers + f + 1].wake();
      }
      if (ended.fetch_add(1) + 1 == kFibers) done.wake();
    });
  }
  std::vector<std::thread> outside;
  for (int t = 0; t < 2; t++) {
    outside.emplace_back([&, t] {
      for (int i = t; i < kHops; i += 2) links[static_cast<size_t>(i) * kFibers].wake();
    });
  }
  done.await();
  for (std::thread& thread : outside) thread.join();
  EXPECT_EQ(ended.load(), kFibers);
}

TEST_F(FiberTest, ManySpawnsFromFibersAndThreads) {
  constexpr int kEach = rt::kInstrumented ? 500 : 5000;  // making a fiber is dear under TSan
  auto runtime = start();
  std::atomic<int> ran{0}, refused{0};
  const auto spawn_many = [&] {
    for (int i = 0; i < kEach; i++) {
      while (!runtime->spawn("short", [&] { ran.fetch_add(1); })) {
        refused.fetch_add(1);
        this_fiber::yield();
      }
    }
  };
  Waiter a, b;
  must_spawn(*runtime, "spawner", [&] { spawn_many(), a.wake(); });
  must_spawn(*runtime, "spawner", [&] { spawn_many(), b.wake(); });
  std::thread outside(spawn_many);
  outside.join();
  a.await();
  b.await();
  runtime->stop();
  EXPECT_EQ(ran.load(), 3 * kEach);
  EXPECT_EQ(runtime->stats().fibers_alive, 0u);
}

TEST_F(FiberTest, FiveThousandFibersAlive) {
  constexpr int kFibers = rt::kInstrumented ? 500 : 5000;
  auto runtime = start();
  std::vector<Waiter> parked(kFibers);
  std::atomic<int> started{0};
  Waiter all_started;
  for (int i = 0; i < kFibers; i++) {
    must_spawn(*runtime, "parked", [&, i] {
      if (started.fetch_add(1) + 1 == kFibers) all_started.wake();
      parked[i].await();
    });
  }
  all_started.await();
  EXPECT_EQ(runtime->stats().fibers_alive, static_cast<uint64_t>(kFibers));
  EXPECT_GE(runtime->stats().stack_high_water, 4096u);
  for (Waiter& waiter : parked) waiter.wake();
  runtime->stop();  // before the waiters go
}

TEST_F(FiberTest, RefusesMoreFibersThanItMayHold) {
  auto runtime = start({.reactors = 2, .max_fibers = 10});
  std::vector<Waiter> parked(10);
  for (Waiter& waiter : parked) must_spawn(*runtime, "parked", [&waiter] { waiter.await(); });
  const Status status = runtime->spawn("eleventh", [] {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::ELIMIT_);
  EXPECT_NE(status.error().message.find("eleventh"), std::string::npos);
  for (Waiter& waiter : parked) waiter.wake();
  runtime->stop();  // before the waiters go
}

TEST_F(FiberTest, TasksAndFibersTakeTurns) {
  auto runtime = start({.reactors = 1});
  struct Again : Task {
    Runtime* runtime;
    std::atomic<int> runs{0};
    std::atomic<bool> stop{false};
  } again;
  again.runtime = runtime.get();
  again.run = [](Task* task) {
    auto& self = static_cast<Again&>(*task);
    self.runs.fetch_add(1);
    if (!self.stop.load()) self.runtime->post(task);
  };
  Waiter done;
  runtime->post(&again);
  must_spawn(*runtime, "beside", [&] {
    for (int i = 0; i < 1000; i++) this_fiber::yield();
    again.stop.store(true);
    done.wake();
  });
  done.await();
  EXPECT_GT(again.runs.load(), 100);
  runtime->stop();
}

TEST_F(FiberTest, PostedFunctionsRunOnceEach) {
  constexpr int kPosts = 20'000;  // more than the lock-free injector holds
  auto runtime = start();
  std::atomic<int> runs{0};
  Waiter done;
  for (int i = 0; i < kPosts; i++) {
    runtime->post_function([&] {
      if (runs.fetch_add(1) + 1 == kPosts) done.wake();
    });
  }
  done.await();
  EXPECT_EQ(runs.load(), kPosts);
}

TEST_F(FiberTest, TwoReactorsRunTwoLongFibersAtOnce) {
  auto runtime = start();
  std::atomic<bool> first{false}, second{false};
  Waiter done;
  // Each waits for the other without ever giving the core away: only true parallelism ends this.
  must_spawn(*runtime, "first", [&] {
    must_spawn(*runtime, "second", [&] {
      second.store(true);
      while (!first.load()) {
      }
      done.wake();
    });
    while (!second.load()) {
    }
    first.store(true);
  });
  done.await();
  EXPECT_GE(runtime->stats().steals, 1u);
}

TEST_F(FiberTest, AwaitResultOnFiberAndThread) {
  auto runtime = start();
  std::vector<std::thread> workers;
  std::mutex mutex;
  const auto answer_later = [&](auto done) {
    const std::lock_guard lock(mutex);
    workers.emplace_back([done] { done(std::string("answer")); });
  };
  EXPECT_EQ(await_result<std::string>(answer_later).value(), "answer");
  Waiter done;
  std::string on_fiber;
  must_spawn(*runtime, "asks", [&] {
    on_fiber = await_result<std::string>(answer_later).value();
    const auto at_once = await_result<int>([](auto reply) { reply(7); });
    EXPECT_EQ(at_once.value(), 7);
    const auto failed = await_result<int>([](auto reply) { reply(fail(ErrorCode::EIO_, "no")); });
    EXPECT_EQ(failed.error().code, ErrorCode::EIO_);
    done.wake();
  });
  done.await();
  EXPECT_EQ(on_fiber, "answer");
  for (std::thread& worker : workers) worker.join();
}

TEST_F(FiberTest, IdleReactorsSleep) {
  auto runtime = start();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double busy = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(busy, 0.05);
}

TEST_F(FiberTest, RefusesBadOptions) {
  EXPECT_EQ(Runtime::start(env_, trace_, {.reactors = 1000}).error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(Runtime::start(env_, trace_, {.reactors = 1, .max_fibers = 0}).error().code, ErrorCode::EINVAL_);
  EXPECT_EQ(Runtime::start(env_, trace_, {.reactors = 1, .stack_bytes = 1}).error().code, ErrorCode::EINVAL_);
}

TEST_F(FiberTest, SwitchesAreTracedOnRequest) {
  RuntimeOptions options{.reactors = 1};
  options.trace_switches = true;
  auto runtime = start(options);
  Waiter done;
  must_spawn(*runtime, "traced", [&] { done.wake(); });
  done.await();
  runtime->stop();
  Trace::Cursor cursor;
  std::vector<Event> events;
  trace_.collect(cursor, events);
  const auto is_switch = [](const Event& event) { return event.kind == EventKind::kSwitch && event.a == 1; };
  EXPECT_EQ(std::count_if(events.begin(), events.end(), is_switch), 1);
}

__attribute__((noinline)) int recurse(int depth) {
  volatile char frame[512];
  frame[0] = static_cast<char>(depth);
  return depth > 1'000'000 ? 0 : recurse(depth + 1) + frame[0];
}

TEST_F(FiberTest, StackOverflowNamesTheFiber) {
  if (rt::kInstrumented) GTEST_SKIP() << "sanitizers report it themselves";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto runtime = start();
        Waiter never;
        must_spawn(*runtime, "pid 12", [] { recurse(0); });
        never.await();
      },
      "stack overflow in fiber 'pid 12'");
}

}  // namespace
}  // namespace phios
