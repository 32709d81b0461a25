// Prompt lookup: a guess at the next tokens of a text, namely what followed the last place where its newest
// few tokens stood before. The drafts of speculative decoding (arXiv 2211.17192) without a second model.
//
// Ownership, threads: pure functions and a value. Units: tokens. Errors: none; without such a place there is
// no guess.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "drivers/api/model.h"

namespace phios {

inline constexpr uint32_t kGuessesMax = 64;  // that one pass verifies

// Appends at most `most` guesses to out. What is found too near the end to go on is taken to repeat itself.
void guess_next(std::span<const Token> text, uint32_t most, std::vector<Token>& out);

// How many guesses a text is worth at present: twice as many as came true last, at least one, so that their
// number doubles while a text repeats itself, and a text that does not costs a row a pass.
class DraftLength {
 public:
  explicit DraftLength(uint32_t most = 0) : most_(most), next_(most) {}
  // Begins anew, unless it is the same: a text goes on as it was from one call to the next.
  void set_most(uint32_t most) {
    if (most != most_) *this = DraftLength(most);
  }
  uint32_t next() const { return next_; }
  void came_true(uint32_t guesses) { next_ = std::min(most_, std::max(1u, 2 * guesses)); }

 private:
  uint32_t most_, next_;
};

}  // namespace phios
