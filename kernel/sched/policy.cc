#include "kernel/sched/policy.h"

#include <algorithm>
#include <numeric>

namespace phios {

namespace {
constexpr uint32_t kDecodePositions =
    8;  // so few waiting positions are a decode (a token and what was forced after it)
}

void choose_pass(std::span<const Candidate> candidates, const PassLimits& limits,
                 std::vector<uint32_t>& order, std::vector<Slot>& chosen) {
  chosen.clear();
  order.resize(candidates.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t x, uint32_t y) {
    const Candidate& a = candidates[x];
    const Candidate& b = candidates[y];
    if (a.niceness != b.niceness) return a.niceness < b.niceness;
    const bool a_decodes = a.waiting <= kDecodePositions, b_decodes = b.waiting <= kDecodePositions;
    if (a_decodes != b_decodes) return a_decodes;
    if (a.last_run != b.last_run) return a.last_run < b.last_run;
    return x < y;
  });
  uint32_t room = limits.positions;
  uint32_t prefill = limits.prefill_chunk;
  for (const uint32_t index : order) {
    if (room == 0) break;
    const bool decodes = candidates[index].waiting <= kDecodePositions;
    uint32_t positions = std::min(candidates[index].waiting, room);
    if (!decodes) positions = std::min(positions, prefill);
    if (positions < std::max(candidates[index].least, 1u)) continue;
    if (!decodes) prefill -= positions;
    room -= positions;
    chosen.push_back({index, positions});
  }
  uint32_t taken = limits.positions - room;
  const uint32_t most = std::min(limits.guessed, limits.positions);
  for (Slot& slot : chosen) {
    if (taken >= most) return;
    const uint32_t more = std::min(candidates[slot.candidate].guesses, most - taken);
    slot.positions += more;
    taken += more;
  }
}

}  // namespace phios
