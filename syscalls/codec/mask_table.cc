#include "syscalls/codec/mask_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace phios {
namespace {

void set_bit(std::vector<uint64_t>& words, int32_t token) {
  words[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
}

uint64_t hash_words(const std::vector<uint64_t>& words) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const uint64_t word : words) hash = std::rotl((hash ^ word) * 0x9e3779b97f4a7c15ULL, 23);
  return hash;
}

}  // namespace

MaskTable::MaskTable(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTrie> trie)
    : grammar_(std::move(grammar)),
      trie_(std::move(trie)),
      states_(grammar_->states()),
      spelled_(trie_->spelled()),
      found_(states_ + 4 * kMarkerRoom) {}

Place MaskTable::before_frame(uint32_t frame) const {
  if (grammar_->frames() == 0) return grammar_->free_text() ? free(0) : opening_or_end();
  return grammar_->repeats_last() && frame + 1 >= grammar_->frames() ? opening_or_end() : opening(0);
}

Place MaskTable::step_marker(std::string_view marker, uint32_t seen, uint8_t byte, Place first,
                             Place done) const {
  if (!spelled_ || static_cast<uint8_t>(marker[seen]) != byte) return kDead;
  return seen + 1 == marker.size() ? done : first + seen + 1;
}

Place MaskTable::step_outside(Place place, uint8_t byte) const {
  if (in_grammar(place))
    return grammar_->accepting(place) ? step_marker(kMarkerEnd, 0, byte, closing(0), closed()) : kDead;
  if (const int seen = within(place, free(0)); seen >= 0) {
    const Place on = step_marker(kMarkerSys, static_cast<uint32_t>(seen), byte, free(0), opened());
    if (on != kDead) return on;
    // '<' stands only at the marker's beginning, so a failed match can only begin anew with this byte.
    return free(spelled_ && byte == static_cast<uint8_t>(kMarkerSys[0]) ? 1 : 0);
  }
  if (place == opening_or_end()) return step_marker(kMarkerSys, 0, byte, opening(0), opened());
  if (const int seen = opening_seen(place); seen >= 0)
    return step_marker(kMarkerSys, static_cast<uint32_t>(seen), byte, opening(0), opened());
  if (const int seen = closing_seen(place); seen >= 0)
    return step_marker(kMarkerEnd, static_cast<uint32_t>(seen), byte, closing(0), closed());
  return kDead;
}

void MaskTable::add_text_tokens(Place place, uint32_t room, std::vector<uint64_t>& words) const {
  const std::vector<TokenTrie::Node>& nodes = trie_->nodes();
  std::vector<Place> path(trie_->longest() + 1);
  path[0] = place;
  for (uint32_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    const Place next = step(path[node.depth - 1], node.byte);
    const bool fits = room == kNoBound || !in_grammar(next) || node.depth + grammar_->shortest(next) <= room;
    if (next == kDead || !fits) {
      i = node.past;
      continue;
    }
    path[node.depth] = next;
    for (int32_t token = node.token; token >= 0; token = trie_->twin(token)) set_bit(words, token);
    i = next == opened() || next == closed() ? node.past : i + 1;
  }
}

void MaskTable::add_control_tokens(Place place, std::vector<uint64_t>& words) const {
  const bool is_free = within(place, free(0)) >= 0;
  const bool may_open = is_free || place == opening(0) || place == opening_or_end();
  if (!spelled_ && may_open) set_bit(words, trie_->vocabulary().sys());
  if (!spelled_ && in_grammar(place) && grammar_->accepting(place)) set_bit(words, trie_->vocabulary().end());
  if (is_free || place == opening_or_end()) {
    for (const int32_t token : trie_->ends()) set_bit(words, token);
  }
}

void MaskTable::compute(Place place, uint32_t room, std::vector<uint64_t>& words, uint32_t& count) const {
  words.assign((trie_->vocabulary().size() + 63) / 64, 0);
  add_text_tokens(place, room, words);
  add_control_tokens(place, words);
  count = 0;
  for (const uint64_t word : words) count += static_cast<uint32_t>(std::popcount(word));
}

const Mask* MaskTable::find(Place place) const {
  if (const Mask* mask = found_[place].load(std::memory_order_acquire)) return mask;
  auto fresh = std::make_unique<Mask>();
  compute(place, kNoBound, fresh->words, fresh->count);
  const uint64_t hash = hash_words(fresh->words);
  std::lock_guard lock(mutex_);
  const Mask* mask = nullptr;
  const auto [begin, end] = masks_.equal_range(hash);
  const auto same =
      std::find_if(begin, end, [&](const auto& entry) { return entry.second->words == fresh->words; });
  if (same != end) {
    mask = same->second.get();
  } else {
    if ((masks_.size() + 1) * fresh->words.size() * sizeof(uint64_t) > kMaxBytes) return nullptr;
    mask = masks_.emplace(hash, std::move(fresh))->second.get();
  }
  found_[place].store(mask, std::memory_order_release);
  return mask;
}

std::shared_ptr<const MaskTable> make_mask_table(std::shared_ptr<const Grammar> grammar,
                                                 std::shared_ptr<const VocabularyView> vocabulary) {
  return std::make_shared<const MaskTable>(std::move(grammar), TokenTrie::of(std::move(vocabulary)));
}

}  // namespace phios
