// Budget: what a process and all that it starts may use. A tree: a charge counts at every node up to the
// root, so a child can spend no more than its parent has left.
//
// Ownership: a node holds its parent. Threads: any, at once; no locks. Units: tokens, frames, cells,
// children; nanoseconds of wall time (an absolute deadline). Errors: ELIMIT_ names the resource, what is
// used, the limit and whose it is; a refused charge changes nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/env.h"
#include "kernel/base/id.h"
#include "kernel/base/result.h"

namespace phios {

enum class Resource : uint8_t { kTokens, kFrames, kCells, kChildren, kWall };
inline constexpr size_t kCountedResources = 4;      // those before kWall
std::string_view resource_name(Resource resource);  // "tokens", …, "wall_ms"
Result<Resource> parse_resource(std::string_view name);

class Budget {
 public:
  static constexpr int64_t kUnlimited = INT64_MAX;

  Budget(std::shared_ptr<Budget> parent, Pid owner);

  // Lowers a limit of this node; a larger amount than the present limit changes nothing. kWall: milliseconds
  // from `now`.
  Status lower(Resource resource, int64_t amount, Nanos now);
  Status charge(Resource resource, int64_t amount);
  void refund(Resource resource, int64_t amount) noexcept;
  int64_t used(Resource resource) const noexcept;
  int64_t limit(Resource resource) const noexcept;  // this node's own
  Nanos deadline() const noexcept;                  // the earliest of this node's and its ancestors'

 private:
  struct Counter {
    std::atomic<int64_t> used{0};
    std::atomic<int64_t> limit{kUnlimited};
  };
  std::shared_ptr<Budget> parent_;
  Pid owner_;
  std::array<Counter, kCountedResources> counters_;
  std::atomic<Nanos> deadline_{kNever};
};

}  // namespace phios
