#include "kernel/proc/budget.h"

#include <fmt/core.h>

#include <algorithm>

namespace phios {

namespace {
constexpr std::array<std::string_view, kCountedResources + 1> kNames = {"tokens", "frames", "cells",
                                                                        "children", "wall_ms"};
}

std::string_view resource_name(Resource resource) { return kNames[static_cast<size_t>(resource)]; }

Result<Resource> parse_resource(std::string_view name) {
  const auto it = std::find(kNames.begin(), kNames.end(), name);
  if (it == kNames.end()) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: no resource; one of tokens, frames, cells, children, wall_ms", name));
  }
  return static_cast<Resource>(it - kNames.begin());
}

Budget::Budget(std::shared_ptr<Budget> parent, Pid owner) : parent_(std::move(parent)), owner_(owner) {}

Status Budget::lower(Resource resource, int64_t amount, Nanos now) {
  if (amount < 0)
    return fail(ErrorCode::EINVAL_, fmt::format("{}: a limit is not negative", resource_name(resource)));
  const bool wall = resource == Resource::kWall;
  const int64_t wanted = !wall                                    ? amount
                         : amount > (kNever - now) / kMillisecond ? kNever
                                                                  : now + amount * kMillisecond;
  std::atomic<int64_t>& limit = wall ? deadline_ : counters_[static_cast<size_t>(resource)].limit;
  int64_t present = limit.load(std::memory_order_relaxed);
  while (wanted < present && !limit.compare_exchange_weak(present, wanted, std::memory_order_relaxed)) {
  }
  return {};
}

Status Budget::charge(Resource resource, int64_t amount) {
  const size_t r = static_cast<size_t>(resource);
  for (Budget* node = this; node; node = node->parent_.get()) {
    Counter& counter = node->counters_[r];
    const int64_t before = counter.used.fetch_add(amount, std::memory_order_relaxed);
    const int64_t limit = counter.limit.load(std::memory_order_relaxed);
    if (before <= limit - amount || limit == kUnlimited) [[likely]]
      continue;
    for (Budget* undo = this;; undo = undo->parent_.get()) {
      undo->counters_[r].used.fetch_sub(amount, std::memory_order_relaxed);
      if (undo == node) break;
    }
    return fail(
        ErrorCode::ELIMIT_,
        fmt::format("{}: {} more asked, {} of {} used, the limit of pid {}; start it with a larger limit",
                    resource_name(resource), amount, before, limit, node->owner_.value));
  }
  return {};
}

void Budget::refund(Resource resource, int64_t amount) noexcept {
  for (Budget* node = this; node; node = node->parent_.get()) {
    node->counters_[static_cast<size_t>(resource)].used.fetch_sub(amount, std::memory_order_relaxed);
  }
}

int64_t Budget::used(Resource resource) const noexcept {
  return counters_[static_cast<size_t>(resource)].used.load(std::memory_order_relaxed);
}

int64_t Budget::limit(Resource resource) const noexcept {
  return counters_[static_cast<size_t>(resource)].limit.load(std::memory_order_relaxed);
}

Nanos Budget::deadline() const noexcept {
  Nanos earliest = kNever;
  for (const Budget* node = this; node; node = node->parent_.get()) {
    earliest = std::min(earliest, node->deadline_.load(std::memory_order_relaxed));
  }
  return earliest;
}

}  // namespace phios
