// Prompt lookup: a guess at the next tokens of a text, namely what followed the last place where its newest
// few tokens stood before. The drafts of speculative decoding (arXiv 2211.17192) without a second model.
//
// Ownership, threads: a pure function. Units: tokens. Errors: none; without such a place there is no guess.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "drivers/api/model.h"

namespace phios {

inline constexpr uint32_t kGuessesMax = 64;  // that one pass verifies

// Appends at most `most` guesses to out. What is found too near the end to go on is taken to repeat itself.
void guess_next(std::span<const Token> text, uint32_t most, std::vector<Token>& out);

}  // namespace phios
