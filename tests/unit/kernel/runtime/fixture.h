// A runtime of two reactors, or as a test asks, with a clock and a trace of its own.
#pragma once

#include <gtest/gtest.h>

#include "kernel/runtime/runtime.h"

namespace phios {

class RuntimeTest : public ::testing::Test {
 protected:
  std::unique_ptr<Runtime> start(RuntimeOptions options = {.reactors = 2}) {
    auto runtime = Runtime::start(env_, trace_, options);
    if (!runtime) {
      ADD_FAILURE() << runtime.error().message;
      std::abort();
    }
    return std::move(*runtime);
  }
  static void must_spawn(Runtime& runtime, std::string name, std::function<void()> fn) {
    const Status status = runtime.spawn(std::move(name), std::move(fn));
    ASSERT_TRUE(status) << status.error().message;
  }
  Nanos in(Nanos from_now) { return env_.now() + from_now; }

  SystemEnv env_{1};
  Trace trace_{env_, 4};
};

}  // namespace phios
