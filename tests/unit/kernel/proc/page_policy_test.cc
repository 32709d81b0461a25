#include "kernel/proc/page_policy.h"

#include <gtest/gtest.h>

namespace phios {
namespace {

TEST(PagePolicy, AVoidPassLeavesNoMasses) {
  PagePolicy policy(*find_kv_policy("h2o"));
  policy.masses(1)[0] = {.total = 1, .recent = 0.5};
  const std::span<PageMass> masses = policy.masses(2);
  masses[0].total += 3;
  masses[1] = {.total = 2, .recent = 2};
  policy.forget_masses();
  const std::span<PageMass> again = policy.masses(2);
  EXPECT_EQ(again[0].total, 1);
  EXPECT_EQ(again[0].recent, 0.5);
  EXPECT_EQ(again[1].total, 0);
}

TEST(PagePolicy, AsksForMassesOnlyWhereItGoesByThem) {
  PagePolicy policy(*find_kv_policy("window"));
  EXPECT_TRUE(policy.masses(4).empty());
  policy.forget_masses();
  EXPECT_TRUE(policy.masses(4).empty());
}

}  // namespace
}  // namespace phios
