// The parts of `phios eval abilities`: what a page policy leaves of the five abilities that compression must
// keep (arXiv 2502.17535). Long contexts are the constructed induction model's, frames are the taught
// model's.
//
// Ownership: each borrows a System. Threads: one; each waits for the kernel. Units: points are percent right.
// Errors: what the kernel says. The same seed makes the same cases.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/boot/cmd/eval.h"
#include "mm/evict.h"

namespace phios::abilities {

// A context has to be so many times as long as the newest window, or the policy has had nothing to do.
inline constexpr uint32_t kWindowsInContext = 8;

struct Points {
  uint32_t right = 0, n = 0;  // n 0: not tested
  double percent() const { return n == 0 ? 0 : 100.0 * right / n; }
  void add(bool is_right) {
    right += is_right ? 1 : 0;
    ++n;
  }
};

// What the induction model recalls.
inline constexpr size_t kDepths = 11;  // 0, 10, … 100 % of the context

struct NeedleRow {
  uint32_t length = 0;  // tokens
  std::array<Points, kDepths> at;
};

struct Recall {
  std::vector<NeedleRow> needles;
  Points needle, retrieved, chain;  // over all lengths; retrieved: RETRIEVE has picked the passage first
  double bytes_per_token = 0;       // of a context of kBytesAt tokens
};

struct RecallOptions {
  std::vector<uint32_t> lengths;
  uint32_t needles_per_depth = 4;
  uint32_t chains = 16;  // of kHops links each, in every context
  uint64_t seed = 1;
};
inline constexpr uint32_t kHops = 4;
inline constexpr uint32_t kBytesAt = 8192;

// Indexes the haystacks in the system's collections: give it a home of its own.
Result<Recall> measure_recall(System& system, const KvPolicyRef& policy, const RecallOptions& options);

// What the taught model writes, its question behind other sections that fill the context.
struct Frames {
  Points resource, plan, exact;
  double perplexity = 0;  // of the frames of exact
};

struct FramesOptions {
  uint32_t context = 512;  // tokens that stand before an operation
  uint32_t cases = 50;     // of each ability
  uint64_t seed = 1;
};

Result<Frames> measure_frames(System& system, const KvPolicyRef& policy, const FramesOptions& options);

// The policy by its name, its newest window as short as `window` unless the name says one.
Result<KvPolicyRef> policy_named(const std::string& name, uint32_t window);

// A heat map of needles: one panel a row of the table, depth down, length across.
struct HeatPanel {
  std::string title;
  const std::vector<NeedleRow>* needles;
};
std::string heat_map_svg(const std::vector<HeatPanel>& panels);

}  // namespace phios::abilities
