#include "kernel/proc/page_policy.h"

#include <algorithm>
#include <string_view>

namespace phios {

namespace {
static_assert(static_cast<int>(Origin::kPrompt) == PHI_KV_PROMPT &&
              static_cast<int>(Origin::kModel) == PHI_KV_MODEL &&
              static_cast<int>(Origin::kResult) == PHI_KV_RESULT);
static_assert(static_cast<int>(KvTier::kF16) == PHI_KV_F16 &&
              static_cast<int>(KvTier::kInt8) == PHI_KV_INT8 &&
              static_cast<int>(KvTier::kInt4) == PHI_KV_INT4 &&
              static_cast<int>(KvTier::kInt2) == PHI_KV_INT2);

// Calls see(page) for the pages that hold the positions first … last - 1.
template <class See>
void each_page(std::vector<phi_kv_page>& pages, uint32_t first, uint32_t last, See&& see) {
  const size_t end = std::min<size_t>((last + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS, pages.size());
  for (size_t i = first / PHI_PAGE_TOKENS; i < end; ++i) see(pages[i]);
}

// The prompt is what stands before the first token of the model, computed or not.
uint32_t prompt_of(const Context& context) {
  for (const ContextSpan& span : context.spans()) {
    if (span.origin == Origin::kModel) return span.first;
  }
  return context.size();
}

// Counts pieces of text that empty lines part.
class ShotCounter {
 public:
  // The piece that the text has come to.
  uint32_t add(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n') {
        empty_line_ = line_ends_;
        line_ends_ = true;
        continue;
      }
      shots_ += empty_line_ ? 1 : 0;
      line_ends_ = empty_line_ = false;
    }
    return shots_;
  }

 private:
  uint32_t shots_ = 0;
  bool line_ends_ = false, empty_line_ = false;
};
}  // namespace

std::span<PageMass> PagePolicy::masses(uint32_t pages) {
  if (!policy_->needs_masses()) return {};
  masses_.resize(pages);
  before_ = masses_;
  return masses_;
}

void PagePolicy::truncate(uint32_t positions) {
  const size_t pages = (positions + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS;
  if (masses_.size() > pages) masses_.resize(pages);
}

void PagePolicy::pin(uint32_t first, uint32_t last, bool on) {
  std::erase_if(pins_, [&](const Pins& pins) { return pins.first >= first && pins.last <= last; });
  pins_.push_back({first, last, on});
}

void PagePolicy::describe(const Context& context, const Pager& pager, const Vocabulary& vocabulary) {
  numbers_.clear();
  context.pages().numbers(numbers_);
  pages_.clear();
  for (uint32_t i = 0; i < numbers_.size(); ++i) {
    phi_kv_page page{};
    page.first = i * PHI_PAGE_TOKENS;
    page.tokens = std::min<uint32_t>(context.computed() - page.first, PHI_PAGE_TOKENS);
    page.place =
        numbers_[i] == kNoPage ? uint8_t{PHI_KV_DROP} : static_cast<uint8_t>(pager.tier(numbers_[i]));
    const bool known = policy_->needs_masses();
    const PageMass mass = known && i < masses_.size() ? masses_[i] : PageMass{};
    page.mass = known ? mass.total : -1;
    page.recent_mass = known ? mass.recent : -1;
    pages_.push_back(page);
  }
  for (const ContextSpan& span : context.spans()) {
    each_page(pages_, span.first, span.first + span.length, [&](phi_kv_page& page) {
      page.origin = std::max(page.origin, static_cast<uint8_t>(span.origin));
      page.is_special |= span.origin == Origin::kResult;
    });
  }
  bool in_call = false;
  ShotCounter shots;
  for (uint32_t at = 0; at < context.computed(); ++at) {
    const Token token = context.tokens()[at];
    const uint32_t shot = shots.add(vocabulary.bytes(token));
    if (at % PHI_PAGE_TOKENS == 0) pages_[at / PHI_PAGE_TOKENS].shot = shot;
    in_call = in_call || (token >= 0 && token == vocabulary.sys());
    if (in_call) pages_[at / PHI_PAGE_TOKENS].is_special = 1;
    if (token == vocabulary.end()) in_call = false;
  }
  for (const Pins& pins : pins_)
    each_page(pages_, pins.first, pins.last, [&](phi_kv_page& page) { page.is_pinned = pins.on; });
}

// A page that others hold too is changed for all of them, so it has to be one of this policy. One on disk, of
// a context that streams, keeps its tier while it is there.
bool PagePolicy::carry_out(Context& context, Pager& pager) {
  FramePool& pool = context.pages().pool();
  bool all = true;
  for (uint32_t i = 0; i < pages_.size(); ++i) {
    if (wanted_[i] == pages_[i].place) continue;
    if (wanted_[i] == PHI_KV_DROP) {
      context.pages().drop(i);
    } else if (is_resident(pool.place(numbers_[i])) &&
               (pool.unique(numbers_[i]) || pool.tag(numbers_[i]) == context.pages().tag())) {
      all = pager.retier(numbers_[i], static_cast<KvTier>(wanted_[i])) && all;
    }
  }
  return all;
}

void PagePolicy::apply(Context& context, Pager& pager, const Vocabulary& vocabulary) {
  if (policy_->keeps_all()) return;
  const uint32_t full = context.computed() / PHI_PAGE_TOKENS;
  const uint32_t prompt = prompt_of(context);
  const bool prompt_computed = prompt <= context.computed();
  if (full == applied_ && prompt_computed == prompt_computed_) return;
  describe(context, pager, vocabulary);
  wanted_.resize(pages_.size());
  const phi_kv_state state{
      sizeof(phi_kv_state), static_cast<uint32_t>(pages_.size()), pages_.data(), context.computed(), prompt,
      policy_->parameter};
  policy_->choose(state, wanted_);
  if (carry_out(context, pager)) applied_ = full, prompt_computed_ = prompt_computed;
}

}  // namespace phios
