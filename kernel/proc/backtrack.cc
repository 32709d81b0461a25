#include "kernel/proc/backtrack.h"

#include <utility>

#include "kernel/sched/sampler.h"

namespace phios {

namespace {

constexpr uint32_t kMostTurns = 2;  // to the other branch, and back

// By how much the likeliest of all tokens is likelier than the likeliest admitted one.
float overruled(std::span<const float> logits, Token admitted) {
  const Token favourite = likeliest(logits, {});
  return logits[static_cast<size_t>(favourite)] - logits[static_cast<size_t>(admitted)];
}

}  // namespace

void Backtrack::chose(std::span<float> logits, Matcher& matcher, Token best, uint32_t size) {
  if (other_) {
    lead_ -= overruled(logits, best);
    place_.accept(best);
  }
  // A mask that admits most tokens steers nowhere.
  if (turns_ > 0 || goes_back() || size_t{matcher.admitted()} * 2 > logits.size()) return;
  const Token second = runner_up(logits, matcher.mask(), best);
  if (second < 0) return;
  const float lead = logits[static_cast<size_t>(best)] - logits[static_cast<size_t>(second)];
  if (!(lead < kClose) || (other_ && lead >= lead_)) return;
  other_ = Point{size, matcher, second};
  taken_ = best;
  lead_ = lead;
  place_ = matcher;
  place_.accept(best);
}

void Backtrack::judge(std::span<const float> logits, Token token) {
  if (!other_) return;
  if (const Token best = likeliest(logits, place_.mask()); best >= 0) lead_ -= overruled(logits, best);
  place_.accept(token);
}

Backtrack::Point Backtrack::take_back() {
  Point to = *other_;
  lead_ = -lead_;
  std::swap(other_->token, taken_);
  place_ = to.matcher;
  place_.accept(to.token);
  if (++turns_ == kMostTurns) other_.reset();
  return to;
}

}  // namespace phios
