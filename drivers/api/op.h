// Op: one request that a driver is working on. submit → op, cancel, exactly one completion.
//
// Ownership: the driver keeps the request alive until it completes; the caller's handle may be dropped at any
// time. Threads: cancel() by any; the completion is called exactly once, on a thread of the driver, must not
// block, and may come before submit() returns. A cancelled op completes with EINTR_.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/base/env.h"
#include "kernel/base/result.h"

namespace phios {

class Op {
 public:
  virtual ~Op() = default;
  virtual void cancel() noexcept = 0;
};
using OpRef = std::shared_ptr<Op>;

template <class T>
using Completion = std::function<void(Result<T>)>;

}  // namespace phios
