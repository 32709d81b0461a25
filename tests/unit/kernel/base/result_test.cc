#include "kernel/base/result.h"

#include <gtest/gtest.h>

#include <memory>

#include "kernel/base/env.h"
#include "kernel/base/id.h"

namespace phios {
namespace {

Result<std::unique_ptr<int>> make(bool ok) {
  if (!ok) return fail(ErrorCode::ENOENT_, "nothing there");
  return std::make_unique<int>(7);
}
Result<int> twice(bool ok) {
  auto p = TRY(make(ok));
  return *p * 2;
}

TEST(Result, TryTakesMoveOnlyValuesAndReturnsErrors) {
  EXPECT_EQ(twice(true).value(), 14);
  ASSERT_FALSE(twice(false));
  EXPECT_EQ(twice(false).error().code, ErrorCode::ENOENT_);
  EXPECT_EQ(error_name(ErrorCode::ENOENT_), "ENOENT");
}

TEST(Pid, NeverTheSameNumberForAReusedSlot) {
  EXPECT_EQ(Pid::make(5, 0).value, 5u);
  EXPECT_NE(Pid::make(5, 0), Pid::make(5, 1));
  EXPECT_EQ(Pid::make(5, 9).index(), 5u);
  EXPECT_EQ(Pid::make(5, 9).generation(), 9u);
}

TEST(Env, SeedsFollowThePath) {
  EXPECT_EQ(derive_seed(1, 2), derive_seed(1, 2));
  EXPECT_NE(derive_seed(1, 2), derive_seed(1, 3));
  EXPECT_NE(derive_seed(1, 2), derive_seed(2, 2));
}

}  // namespace
}  // namespace phios
