#include "kernel/runtime/timer.h"

#include <algorithm>
#include <random>
#include <vector>

#include "tests/unit/kernel/runtime/fixture.h"

namespace phios {
namespace {

using rt::TimerWheel;
constexpr Nanos kTick = Nanos{1} << TimerWheel::kTickBits;

void drain(TimerWheel& wheel, Nanos now) {
  std::vector<std::function<void()>> due;
  wheel.take_due(now, SIZE_MAX, due);
  for (const auto& fn : due) fn();
}

TEST(TimerWheelTest, FiresInOrderNeverEarlyAndWithinATick) {
  Nanos now = 12'345'678'901;
  TimerWheel wheel(3, now);
  std::mt19937_64 random(7);
  std::vector<Nanos> fired;
  int left = 0;
  for (int i = 0; i < 2000; i++) {
    const Nanos deadline = now + static_cast<Nanos>(random() % (Nanos{1} << (10 + random() % 36)));
    left++;
    wheel.arm(
        deadline,
        [&, deadline] {
          left--;
          EXPECT_GE(now, deadline);
          EXPECT_LE(now, deadline + kTick);
          fired.push_back(deadline);
        },
        TimerWheel::Purpose::kTimer);
  }
  while (left > 0) {
    ASSERT_NE(wheel.next_due(), kNever);
    ASSERT_GE(wheel.next_due(), now - kTick);
    now = std::max(now, wheel.next_due());
    drain(wheel, now);
  }
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
  EXPECT_EQ(wheel.next_due(), kNever);
}

TEST(TimerWheelTest, CancelsOnceAndOnlyItsOwn) {
  TimerWheel wheel(0, 0);
  int fired = 0;
  const uint64_t a = wheel.arm(5 * kTick, [&] { fired++; }, TimerWheel::Purpose::kTimer).id;
  EXPECT_TRUE(wheel.cancel(a));
  EXPECT_FALSE(wheel.cancel(a));
  const uint64_t b = wheel.arm(5 * kTick, [&] { fired += 10; }, TimerWheel::Purpose::kTimer).id;
  EXPECT_NE(a, b);  // the slot is used again, the id is not
  EXPECT_FALSE(wheel.cancel(a));
  drain(wheel, 10 * kTick);
  EXPECT_EQ(fired, 10);
  EXPECT_FALSE(wheel.cancel(b));
  EXPECT_FALSE(wheel.cancel(0xffffff));
}

TEST(TimerWheelTest, PastAndNever) {
  TimerWheel wheel(0, 100 * kTick);
  int past = 0, never = 0;
  wheel.arm(-5, [&] { past++; }, TimerWheel::Purpose::kTimer);
  wheel.arm(kNever, [&] { never++; }, TimerWheel::Purpose::kTimer);
  drain(wheel, 100 * kTick);
  EXPECT_EQ(past, 1);
  drain(wheel, 1'000'000 * kSecond);
  EXPECT_EQ(never, 0);
}

TEST(TimerWheelTest, HandsOutNoMoreThanAskedFor) {
  TimerWheel wheel(0, 0);
  for (int i = 0; i < 10; i++) wheel.arm(1, [] {}, TimerWheel::Purpose::kTimer);
  std::vector<std::function<void()>> due;
  wheel.take_due(10 * kTick, 4, due);
  EXPECT_EQ(due.size(), 4u);
  EXPECT_EQ(wheel.next_due(), 0);
  wheel.take_due(10 * kTick, 100, due);
  EXPECT_EQ(due.size(), 10u);
}

TEST(TimerWheelTest, StopHandsOutSleepersAndForgetsTheRest) {
  TimerWheel wheel(0, 0);
  const uint64_t timer = wheel.arm(kTick, [] { FAIL(); }, TimerWheel::Purpose::kTimer).id;
  wheel.arm(kSecond, [] {}, TimerWheel::Purpose::kSleeper);
  std::vector<std::function<void()>> sleepers;
  wheel.stop(sleepers);
  EXPECT_EQ(sleepers.size(), 1u);
  drain(wheel, kSecond);
  EXPECT_TRUE(wheel.cancel(timer));
  EXPECT_EQ(wheel.arm(0, [] {}, TimerWheel::Purpose::kTimer).id, 0u);
}

using RuntimeTimerTest = RuntimeTest;

// On a busy machine a timer may be armed when others are due already, which proves nothing: again then.
TEST_F(RuntimeTimerTest, FiresFromThreadAndFiberInOrder) {
  auto runtime = start();
  for (int attempt = 0;; attempt++) {
    ASSERT_LT(attempt, 50) << "never armed in time";
    std::mutex mutex;
    std::vector<int> order;
    std::atomic<int> left{4};  // three timers and the fiber
    Waiter done;
    const auto arrive = [&] {
      if (left.fetch_sub(1) == 1) done.wake();
    };
    const auto note = [&](int which) {
      {
        const std::lock_guard lock(mutex);
        order.push_back(which);
      }
      arrive();
    };
    const Nanos start_at = env_.now(), first = start_at + 20 * kMillisecond;
    std::atomic<Nanos> armed_at{0};
    runtime->arm_timer(start_at + 60 * kMillisecond, [&] { note(3); });
    runtime->arm_timer(first, [&] { note(1); });
    must_spawn(*runtime, "arms", [&] {
      runtime->arm_timer(start_at + 40 * kMillisecond, [&] { note(2); });
      armed_at = env_.now();
      arrive();
    });
    const Nanos thread_armed_at = env_.now();
    done.await();
    EXPECT_GE(env_.now() - start_at, 60 * kMillisecond);
    if (std::max<Nanos>(armed_at, thread_armed_at) >= first) continue;
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    break;
  }
}

TEST_F(RuntimeTimerTest, CancelledTimersDoNotFire) {
  auto runtime = start();
  std::atomic<int> fired{0};
  std::vector<Runtime::TimerId> ids;
  for (int i = 0; i < 1000; i++) {
    ids.push_back(runtime->arm_timer(in(20 * kMillisecond), [&] { fired.fetch_add(1); }));
  }
  int cancelled = 0;
  for (size_t i = 0; i < ids.size(); i += 2) cancelled += runtime->cancel_timer(ids[i]);
  Waiter later;
  runtime->arm_timer(in(80 * kMillisecond), [&] { later.wake(); });
  later.await();
  EXPECT_EQ(cancelled + fired.load(), 1000);
  EXPECT_FALSE(runtime->cancel_timer(ids[1]));
}

TEST_F(RuntimeTimerTest, SleepersWakeInTime) {
  auto runtime = start();
  constexpr int kSleepers = 200;
  std::atomic<int> left{kSleepers};
  Waiter done;
  for (int i = 0; i < kSleepers; i++) {
    must_spawn(*runtime, "sleeper", [&, i] {
      const Nanos deadline = in((i % 40) * kMillisecond);
      this_fiber::sleep_until(*runtime, deadline);
      EXPECT_GE(env_.now(), deadline);
      if (left.fetch_sub(1) == 1) done.wake();
    });
  }
  done.await();
  const Nanos before = env_.now();
  this_fiber::sleep_until(*runtime, before + 5 * kMillisecond);  // a plain thread may sleep too
  EXPECT_GE(env_.now() - before, 5 * kMillisecond);
}

TEST_F(RuntimeTimerTest, ABusyReactorDoesNotHoldUpItsTimers) {
  auto runtime = start();
  std::atomic<bool> fired{false};
  Waiter done;
  must_spawn(*runtime, "busy", [&] {
    runtime->arm_timer(in(2 * kMillisecond), [&] { fired.store(true); });
    must_spawn(*runtime, "wakes the other reactor", [] {});
    const Nanos limit = in(20 * kSecond);
    while (!fired.load() && env_.now() < limit) {
    }
    done.wake();
  });
  done.await();
  EXPECT_TRUE(fired.load());
}

}  // namespace
}  // namespace phios
