#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/kernel/runtime/fixture.h"

namespace phios {
namespace {

using StopTest = RuntimeTest;

TEST_F(StopTest, WakesSleepers) {
  auto runtime = start();
  std::atomic<int> woke{0};
  for (int i = 0; i < 100; i++) {
    must_spawn(*runtime, "sleeper", [&] {
      this_fiber::sleep_until(*runtime, in(3600 * kSecond));
      this_fiber::sleep_until(*runtime, in(3600 * kSecond));  // refused
      woke.fetch_add(1);
    });
  }
  const Nanos before = env_.now();
  runtime->stop();
  EXPECT_EQ(woke.load(), 100);
  EXPECT_LT(env_.now() - before, 10 * kSecond);
  runtime->stop();  // the second does nothing
}

TEST_F(StopTest, ForgetsTimersAndRefusesFibers) {
  auto runtime = start();
  std::atomic<int> fired{0};
  const auto id = runtime->arm_timer(in(3600 * kSecond), [&] { fired.fetch_add(1); });
  std::atomic<bool> refused{false};
  must_spawn(*runtime, "spawns at the end", [&] {
    this_fiber::sleep_until(*runtime, in(3600 * kSecond));
    const Status status = runtime->spawn("late", [] {});
    refused.store(!status && status.error().code == ErrorCode::EINTR_);
  });
  runtime->stop();
  EXPECT_TRUE(refused.load());
  EXPECT_EQ(fired.load(), 0);
  EXPECT_TRUE(runtime->cancel_timer(id));
  EXPECT_EQ(runtime->spawn("after", [] {}).error().code, ErrorCode::EINTR_);
}

TEST_F(StopTest, WaitsForFibersThatOthersWake) {
  auto runtime = start();
  Waiter gate;
  std::atomic<bool> ended{false};
  must_spawn(*runtime, "waits", [&] {
    gate.await();
    this_fiber::yield();
    ended.store(true);
  });
  std::thread waker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    gate.wake();
  });
  runtime->stop();
  EXPECT_TRUE(ended.load());
  waker.join();
}

TEST_F(StopTest, WhileThreadsSpawnAndPost) {
  for (int round = 0; round < 20; round++) {
    auto runtime = start();
    std::atomic<bool> go_on{true};
    std::atomic<int> started{0}, ran{0};
    std::thread spawner([&] {
      while (go_on.load()) {
        if (runtime->spawn("racing", [&] { ran.fetch_add(1); })) started.fetch_add(1);
        runtime->post_function([] {});
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    runtime->stop();
    go_on.store(false);
    spawner.join();
    EXPECT_EQ(started.load(), ran.load());
  }
}

// What a thread posts may end the runtime before that thread is back from posting it.
TEST_F(StopTest, WaitsForThoseWhoAreStillPosting) {
  for (int i = 0; i < 200; i++) {
    auto runtime = start();
    std::atomic<bool> came{false};
    std::thread poster([&, to = runtime.get()] {
      to->post_function([&] {
        came.store(true);
        came.notify_one();
      });
    });
    came.wait(false);
    runtime.reset();
    poster.join();
  }
}

TEST_F(StopTest, RuntimesComeAndGo) {
  for (int i = 0; i < 50; i++) {
    auto runtime = start();
    if (i % 2 == 0) must_spawn(*runtime, "short", [] { this_fiber::yield(); });
  }
}

}  // namespace
}  // namespace phios
