#include "kernel/boot/cmd/median.h"

#include <gtest/gtest.h>

namespace phios {
namespace {

TEST(Median, OfAnOddNumberIsTheMiddle) {
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({9, 1, 4}), 4);
  EXPECT_EQ(median({5, 5, 1, 9, 2}), 5);
}

TEST(Median, OfAnEvenNumberIsTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median({3, 1}), 2);
  EXPECT_EQ(median({10, 1, 2, 4}), 3);
  EXPECT_EQ(median({1, 6, 1, 1}), 1);
}

}  // namespace
}  // namespace phios
