// Context: what the model has before it: token ids, where they came from, and the pages that hold their keys
// and values.
//
// Ownership: owned by one decoder or named context; a copy shares every page (fork). Threads: one at a time.
// Units: tokens. Invariant: pages().positions() == computed() ≤ tokens().size(), but for a pass that
// verifies guesses; the tokens behind computed() wait for a pass.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "drivers/api/model.h"
#include "mm/page_table.h"
#include "mm/store/context_file.h"

namespace phios {

// Who wrote a span. Text from outside is never kModel, whatever it spells.
enum class Origin : uint8_t { kPrompt, kModel, kResult };

struct ContextSpan {
  uint32_t first = 0, length = 0;
  Origin origin = Origin::kPrompt;
  std::string label;  // the section, or the call
};

// Tokens counted on the side that wrote them. forwarded == prompt + generated + results − reused + recomputed
// + rejected once nothing waits: tokens that leave before they were computed (the closing marker of an EXIT,
// say) are taken off their side again.
struct TokenCounts {
  uint64_t forwarded = 0, prompt = 0, generated = 0, results = 0, reused = 0;
  uint64_t recomputed = 0;             // positions whose pages were dropped, or had gone
  uint64_t guessed = 0, rejected = 0;  // positions computed on a guess; of them, those that were wrong
  uint64_t retracted = 0;              // generated, and given up for a likelier branch
  uint64_t choices = 0,
           admitted = 0;  // tokens that were sampled, and how many the mask admitted at each, summed
  TokenCounts& operator+=(const TokenCounts& o) {
    forwarded += o.forwarded, prompt += o.prompt, generated += o.generated;
    results += o.results, reused += o.reused, recomputed += o.recomputed;
    guessed += o.guessed, rejected += o.rejected, retracted += o.retracted, choices += o.choices,
        admitted += o.admitted;
    return *this;
  }
};

class Context {
 public:
  explicit Context(FramePool& pool) : pages_(pool) {}
  explicit Context(ContextImage image);  // as it was saved
  ContextImage image() const;            // shares every page

  void append(std::span<const Token> tokens, Origin origin, std::string_view label);
  void append(Token token, Origin origin) { append({&token, 1}, origin, {}); }
  void truncate(uint32_t n);
  // Positions from n on wait to be computed again; a few before them too, where n lies in a hole.
  void recompute_from(uint32_t n);
  // Guesses were computed behind what the tokens say: of all positions in pages the first n are right.
  void keep_computed(uint32_t n);
  // Takes whole pages that are known already (prefix tree) for the first tokens, in place of what is
  // computed, which must be fewer.
  void reuse(std::span<const FrameRef> frames);

  const std::vector<Token>& tokens() const { return tokens_; }
  const std::vector<ContextSpan>& spans() const { return spans_; }
  uint32_t size() const { return static_cast<uint32_t>(tokens_.size()); }
  uint32_t computed() const { return pages_.positions(); }
  std::span<const Token> pending() const { return std::span(tokens_).subspan(computed()); }
  PageTable& pages() { return pages_; }
  const PageTable& pages() const { return pages_; }
  TokenCounts& counts() { return counts_; }
  const TokenCounts& counts() const { return counts_; }
  // A copy starts its own account, in which it owes what it will compute.
  void count_from_zero();

 private:
  std::vector<Token> tokens_;
  std::vector<ContextSpan> spans_;
  PageTable pages_;
  TokenCounts counts_;
};

}  // namespace phios
