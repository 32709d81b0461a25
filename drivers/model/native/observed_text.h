// A text as the engine computes it, window by window, each a context of its own, under the eyes of an
// observer.
//
// Ownership: the observer is borrowed for the call. Threads: one; passes fan out to workers of their own.
// Units: tokens. Errors: EPARSE_ (the model, or a token that it has not), ELIMIT_ (memory).
#pragma once

#include <functional>
#include <span>

#include "drivers/api/model.h"
#include "drivers/model/native/gguf.h"
#include "drivers/model/native/pass_observer.h"

namespace phios {

inline constexpr uint32_t kObservedWindow = 512;  // tokens that are computed as one context, in one pass

// `done`: told how many tokens have been computed, after each window.
Status observe_text(const Gguf& file, std::span<const Token> tokens, PassObserver& observer,
                    const std::function<void(size_t tokens)>& done = {});

}  // namespace phios
