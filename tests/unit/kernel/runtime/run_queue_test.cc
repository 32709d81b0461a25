#include "kernel/runtime/run_queue.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "kernel/runtime/context.h"
#include "kernel/runtime/injector.h"

#include <gtest/gtest.h>

namespace phios::rt {
namespace {

TEST(RunQueueTest, FirstInFirstOutAndBounded) {
  RunQueue queue;
  std::vector<Task> tasks(kRunQueueSlots + 1);
  EXPECT_EQ(queue.pop(), nullptr);
  for (uint32_t i = 0; i < kRunQueueSlots; i++) EXPECT_TRUE(queue.push(&tasks[i]));
  EXPECT_FALSE(queue.push(&tasks[kRunQueueSlots]));
  Task* half[kRunQueueSlots / 2];
  EXPECT_EQ(queue.take_half(half), kRunQueueSlots / 2);
  EXPECT_EQ(half[0], &tasks[0]);
  EXPECT_EQ(queue.pop(), &tasks[kRunQueueSlots / 2]);
  EXPECT_EQ(queue.size(), kRunQueueSlots / 2 - 1);
}

// A deterministic scheduler: every atomic access first hands the turn to a thread that a seed chooses, so one
// seed is one interleaving, and a failure can be run again.
class Turns {
 public:
  static inline Turns* current = nullptr;

  explicit Turns(uint64_t seed) : random_(seed) {}
  void run(std::vector<std::function<void()>> bodies) {
    current = this;
    adopt_thread(main_);
    for (auto& body : bodies) {
      flows_.push_back(std::make_unique<Flow>());
      flows_.back()->body = std::move(body);
      make_context(*flows_.back(), flows_.back()->stack.data(), flows_.back()->stack.size(), enter);
    }
    while (choose() != nullptr) switch_context(main_, *running_);
    for (auto& flow : flows_) destroy_context(*flow, flow->stack.data(), flow->stack.size());
    current = nullptr;
  }
  void turn() {
    Flow* self = running_;
    if (self == nullptr || random_() % 2 == 0) return;
    if (Flow* next = choose(); next != self) switch_context(*self, *next);
  }

 private:
  struct Flow : Context {
    std::function<void()> body;
    std::vector<std::byte> stack = std::vector<std::byte>(64 << 10);
    bool ended = false;
  };
  Flow* choose() {
    std::vector<Flow*> ready;
    for (auto& flow : flows_) {
      if (!flow->ended) ready.push_back(flow.get());
    }
    return running_ = ready.empty() ? nullptr : ready[random_() % ready.size()];
  }
  static void enter(Context*, Context* self) noexcept {
    auto* flow = static_cast<Flow*>(self);
    flow->body();
    flow->ended = true;
    current->running_ = nullptr;
    leave_context(*flow, current->main_);
  }

  std::mt19937_64 random_;
  Context main_;
  std::vector<std::unique_ptr<Flow>> flows_;
  Flow* running_ = nullptr;
};

template <class T>
class TurningAtomic {
 public:
  TurningAtomic(T value = {}) : value_(value) {}
  T load(std::memory_order) const {
    turn();
    return value_;
  }
  void store(T value, std::memory_order) {
    turn();
    value_ = value;
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order, std::memory_order) {
    turn();
    if (value_ == expected) {
      value_ = desired;
      return true;
    }
    expected = value_;
    return false;
  }

 private:
  static void turn() {
    if (Turns::current != nullptr) Turns::current->turn();
  }
  T value_;
};

TEST(RunQueueTest, EveryInterleavingTriedRunsEachTaskOnce) {
  constexpr int kSeeds = kInstrumented ? 150 : 3000, kTasks = 24;  // making a fiber is dear under TSan
  for (uint64_t seed = 0; seed < kSeeds; seed++) {
    BasicRunQueue<TurningAtomic, 8> queue;
    std::vector<Task> tasks(kTasks);
    std::vector<Task*> got;
    bool owner_done = false;
    const auto thief = [&] {
      while (!owner_done) {
        Task* half[4];
        const uint32_t n = queue.take_half(half);
        got.insert(got.end(), half, half + n);
        Turns::current->turn();
      }
    };
    const auto owner = [&] {
      for (Task& task : tasks) {
        while (!queue.push(&task)) {
          if (Task* own = queue.pop()) got.push_back(own);
        }
        if (&task - tasks.data() == kTasks / 2) {
          if (Task* own = queue.pop()) got.push_back(own);
        }
      }
      while (Task* own = queue.pop()) got.push_back(own);
      owner_done = true;
    };
    Turns(seed).run({owner, thief, thief});
    ASSERT_EQ(got.size(), static_cast<size_t>(kTasks)) << "seed " << seed;
    ASSERT_EQ(std::set<Task*>(got.begin(), got.end()).size(), static_cast<size_t>(kTasks)) << "seed " << seed;
  }
}

TEST(RunQueueTest, ThievesOnRealThreads) {
  constexpr size_t kTasks = 200'000;
  RunQueue queue;
  std::vector<Task> tasks(kTasks);
  std::vector<std::atomic<int>> taken(kTasks);
  std::atomic<bool> done{false};
  const auto count = [&](Task* task) { taken[static_cast<size_t>(task - tasks.data())].fetch_add(1); };
  std::vector<std::thread> thieves;
  for (int t = 0; t < 2; t++) {
    thieves.emplace_back([&] {
      Task* half[kRunQueueSlots / 2];
      while (!done.load()) {
        const uint32_t n = queue.take_half(half);
        for (uint32_t i = 0; i < n; i++) count(half[i]);
      }
    });
  }
  for (Task& task : tasks) {
    while (!queue.push(&task)) {
      if (Task* own = queue.pop()) count(own);
    }
  }
  while (Task* own = queue.pop()) count(own);
  done.store(true);
  for (std::thread& thief : thieves) thief.join();
  EXPECT_TRUE(std::all_of(taken.begin(), taken.end(), [](const auto& n) { return n.load() == 1; }));
}

TEST(InjectorTest, SpillsAndLosesNothing) {
  constexpr size_t kEach = 20'000;
  Injector injector;
  std::vector<Task> tasks(2 * kEach);
  std::vector<std::thread> posters;
  for (size_t t = 0; t < 2; t++) {
    posters.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; i++) injector.push(&tasks[t * kEach + i]);
    });
  }
  std::set<Task*> got;
  Task* batch[32];
  while (got.size() < tasks.size()) {
    const uint32_t n = injector.take(batch);
    for (uint32_t i = 0; i < n; i++) EXPECT_TRUE(got.insert(batch[i]).second);
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_EQ(injector.take(batch), 0u);
}

TEST(MailboxTest, OldestFirst) {
  Mailbox mailbox;
  Task a, b, c;
  EXPECT_TRUE(mailbox.empty());
  for (Task* task : {&a, &b, &c}) mailbox.push(task);
  Task* first = mailbox.take_all();
  EXPECT_EQ(first, &a);
  EXPECT_EQ(first->next, &b);
  EXPECT_EQ(first->next->next, &c);
  EXPECT_TRUE(mailbox.empty());
}

}  // namespace
}  // namespace phios::rt
