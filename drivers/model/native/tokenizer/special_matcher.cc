#include "drivers/model/native/tokenizer/special_matcher.h"

namespace phios {

void SpecialMatcher::add(std::string_view text, Token token) {
  uint32_t node = 0;
  for (const char c : text) {
    const auto [edge, is_new] = edges_.try_emplace(key(node, c), static_cast<uint32_t>(tokens_.size()));
    if (is_new) tokens_.push_back(-1);
    node = edge->second;
  }
  if (node == 0) return;
  if (tokens_[node] < 0) tokens_[node] = token;  // of two tokens with one text the first counts
  first_.set(static_cast<unsigned char>(text[0]));
}

SpecialMatcher::Match SpecialMatcher::match(std::string_view text, size_t pos) const {
  Match best;
  uint32_t node = 0;
  for (size_t i = pos; i < text.size(); ++i) {
    const auto edge = edges_.find(key(node, text[i]));
    if (edge == edges_.end()) break;
    node = edge->second;
    if (tokens_[node] >= 0) best = {tokens_[node], i + 1 - pos};
  }
  return best;
}

SpecialMatcher::Match SpecialMatcher::find(std::string_view text, size_t& pos) const {
  for (; pos < text.size(); ++pos) {
    if (!first_.test(static_cast<unsigned char>(text[pos]))) continue;
    if (const Match found = match(text, pos); found.token >= 0) return found;
  }
  return {};
}

Token SpecialMatcher::exact(std::string_view text) const {
  const Match found = match(text, 0);
  return found.length == text.size() ? found.token : -1;
}

}  // namespace phios
