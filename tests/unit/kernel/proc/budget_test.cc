#include "kernel/proc/budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace phios {
namespace {

TEST(Budget, AChildSpendsNoMoreThanItsParentHasLeft) {
  auto parent = std::make_shared<Budget>(nullptr, Pid{1});
  auto child = std::make_shared<Budget>(parent, Pid{2});
  ASSERT_TRUE(parent->lower(Resource::kTokens, 10, 0));
  EXPECT_TRUE(child->charge(Resource::kTokens, 7));
  EXPECT_TRUE(parent->charge(Resource::kTokens, 2));
  const Status refused = child->charge(Resource::kTokens, 2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::ELIMIT_);
  EXPECT_NE(refused.error().message.find("pid 1"), std::string::npos);  // whose limit it is
  EXPECT_EQ(child->used(Resource::kTokens), 7);                         // a refused charge changes nothing
  EXPECT_EQ(parent->used(Resource::kTokens), 9);
  child->refund(Resource::kTokens, 7);
  EXPECT_EQ(parent->used(Resource::kTokens), 2);
}

TEST(Budget, ALimitIsLoweredAndNeverRaised) {
  Budget budget(nullptr, Pid{1});
  ASSERT_TRUE(budget.lower(Resource::kCells, 5, 0));
  ASSERT_TRUE(budget.lower(Resource::kCells, 50, 0));
  EXPECT_EQ(budget.limit(Resource::kCells), 5);
  EXPECT_FALSE(budget.lower(Resource::kCells, -1, 0));
}

TEST(Budget, TheEarliestDeadlineOfThePathHolds) {
  auto parent = std::make_shared<Budget>(nullptr, Pid{1});
  Budget child(parent, Pid{2});
  EXPECT_EQ(child.deadline(), kNever);
  ASSERT_TRUE(child.lower(Resource::kWall, 100, 1000));
  EXPECT_EQ(child.deadline(), 1000 + 100 * kMillisecond);
  ASSERT_TRUE(parent->lower(Resource::kWall, 10, 1000));
  EXPECT_EQ(child.deadline(), 1000 + 10 * kMillisecond);
  ASSERT_TRUE(child.lower(Resource::kWall, INT64_MAX, 1000));
  EXPECT_EQ(child.deadline(), 1000 + 10 * kMillisecond);
}

TEST(Budget, ChargesOfManyThreadsNeverPassTheLimit) {
  auto root = std::make_shared<Budget>(nullptr, Pid{1});
  ASSERT_TRUE(root->lower(Resource::kFrames, 1000, 0));
  std::atomic<int> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      Budget own(root, Pid{2});
      for (int i = 0; i < 1000; i++) granted += own.charge(Resource::kFrames, 1) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Two charges at the brink may refuse each other; none is granted past the limit.
  EXPECT_LE(granted.load(), 1000);
  EXPECT_GE(granted.load(), 990);
  EXPECT_EQ(root->used(Resource::kFrames), granted.load());
}

TEST(Budget, ResourcesGoByName) {
  EXPECT_EQ(parse_resource("wall_ms").value(), Resource::kWall);
  EXPECT_FALSE(parse_resource("money"));
}

}  // namespace
}  // namespace phios
