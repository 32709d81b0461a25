#include "kernel/proc/context.h"

#include <algorithm>
#include <utility>

namespace phios {

namespace {
uint64_t& side(TokenCounts& counts, Origin origin) {
  switch (origin) {
    case Origin::kPrompt:
      return counts.prompt;
    case Origin::kModel:
      return counts.generated;
    case Origin::kResult:
      break;
  }
  return counts.results;
}
}  // namespace

static_assert(static_cast<uint8_t>(Origin::kResult) + 1 == ContextImage::kOrigins);

Context::Context(ContextImage image) : tokens_(std::move(image.tokens)), pages_(std::move(image.pages)) {
  for (ContextImage::Span& span : image.spans) {
    spans_.push_back({span.first, span.length, static_cast<Origin>(span.origin), std::move(span.label)});
  }
  count_from_zero();
}

ContextImage Context::image() const {
  ContextImage image(pages_.pool());
  image.tokens = tokens_;
  for (const ContextSpan& span : spans_)
    image.spans.push_back({span.first, span.length, static_cast<uint8_t>(span.origin), span.label});
  image.pages = pages_;
  return image;
}

void Context::count_from_zero() {
  counts_ = {};
  for (const ContextSpan& span : spans_) {
    const uint32_t last = span.first + span.length;
    if (last > computed()) side(counts_, span.origin) += last - std::max(span.first, computed());
  }
}

void Context::append(std::span<const Token> tokens, Origin origin, std::string_view label) {
  const uint32_t n = static_cast<uint32_t>(tokens.size());
  if (n == 0) return;
  const bool extends =
      !spans_.empty() && spans_.back().origin == origin && (label.empty() || spans_.back().label == label);
  if (extends) {
    spans_.back().length += n;
  } else {
    spans_.push_back({size(), n, origin, std::string(label)});
  }
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  side(counts_, origin) += n;
}

void Context::truncate(uint32_t n) {
  if (n >= size()) return;
  const uint32_t computed_before = computed();
  while (!spans_.empty()) {
    ContextSpan& span = spans_.back();
    const uint32_t last = span.first + span.length;
    if (last <= n) break;
    const uint32_t keep_to = std::max(n, span.first);
    // What goes and was never computed never cost anything: it leaves its side's count.
    const uint32_t waiting_from = std::max(keep_to, computed_before);
    if (last > waiting_from) side(counts_, span.origin) -= last - waiting_from;
    span.length = keep_to - span.first;
    if (span.length > 0) break;
    spans_.pop_back();
  }
  tokens_.resize(n);
  recompute_from(n);
}

void Context::recompute_from(uint32_t n) {
  const uint32_t last = std::min(computed(), size());
  pages_.truncate(n);
  if (computed() < last) counts_.recomputed += last - computed();
}

void Context::keep_computed(uint32_t n) {
  counts_.rejected += computed() - n;
  pages_.truncate(n);
}

void Context::reuse(std::span<const FrameRef> frames) {
  const size_t known = frames.size() * PHI_PAGE_TOKENS;
  counts_.reused += known - computed();
  pages_.truncate(0);
  for (const FrameRef& frame : frames) pages_.append_shared(frame, PHI_PAGE_TOKENS);
}

}  // namespace phios
