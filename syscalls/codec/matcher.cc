#include <utility>

#include "syscalls/codec/grammar.h"
#include "syscalls/codec/mask_table.h"

namespace phios {

Matcher::Matcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const MaskTable> masks)
    : grammar_(std::move(grammar)), masks_(std::move(masks)) {
  restart();
}

// Could a token lead to where the frame cannot be closed within its bound?
bool Matcher::near_bound() const {
  return masks_->in_grammar(place_) &&
         frame_.size() + masks_->trie().longest() + grammar_->longest_shortest() > PHI_FRAME_MAX;
}

std::span<const uint64_t> Matcher::mask() {
  if (!masks_) return {};
  const bool near = near_bound();
  if (!near) {
    if (const Mask* mask = masks_->find(place_)) {
      count_ = mask->count;
      return mask->words;
    }
  }
  const uint32_t room = near ? PHI_FRAME_MAX - static_cast<uint32_t>(frame_.size()) : MaskTable::kNoBound;
  masks_->compute(place_, room, near_, count_);
  return near_;
}

uint32_t Matcher::admitted() {
  mask();
  return count_;
}

Matcher::Event Matcher::accept(int32_t token) {
  if (!masks_) return Event::kNone;
  switch (masks_->trie().kind(token)) {
    case TokenTrie::Kind::kText:
      return accept_text(masks_->trie().vocabulary().bytes(token));
    case TokenTrie::Kind::kSys:
      return in_frame_ ? Event::kNone : take_place(masks_->opened());
    case TokenTrie::Kind::kEnd:
      return in_frame_ ? take_place(masks_->closed()) : Event::kNone;
    case TokenTrie::Kind::kEndOfText:
      if (in_frame_) return Event::kNone;
      return grammar_->free_text() ? Event::kEndOfText : Event::kSectionDone;
    case TokenTrie::Kind::kOther:
      return Event::kNone;
  }
  return Event::kNone;
}

Matcher::Event Matcher::accept_text(std::string_view bytes) {
  Event event = Event::kNone;
  for (const char c : bytes) {
    const Place next = masks_->step(place_, static_cast<uint8_t>(c));
    if (next == MaskTable::kDead) break;  // the mask did not admit it: the place stays a place
    if (masks_->in_grammar(next)) {
      frame_.push_back(c);
      place_ = next;
    } else {
      event = take_place(next);
    }
  }
  return event;
}

Matcher::Event Matcher::take_place(uint32_t place) {
  place_ = place;
  if (place == masks_->opened()) {
    place_ = grammar_->start(frame_index_);
    frame_.clear();
    in_frame_ = true;
  } else if (place == masks_->closed()) {
    in_frame_ = false;
    return Event::kFrame;
  }
  return Event::kNone;
}

void Matcher::forced(std::vector<int32_t>& out) const {
  if (!masks_) return;
  const TokenTrie& trie = masks_->trie();
  Place place = place_;
  if (const int seen = masks_->opening_seen(place); seen >= 0) {
    if (trie.spelled()) {
      if (!trie.cut(kMarkerSys.substr(static_cast<size_t>(seen)), out)) return;
    } else {
      out.push_back(trie.vocabulary().sys());
    }
    place = grammar_->start(frame_index_);
  }
  if (const int seen = masks_->closing_seen(place); seen >= 0) {
    trie.cut(kMarkerEnd.substr(static_cast<size_t>(seen)), out);
    return;
  }
  if (!masks_->in_grammar(place)) return;
  std::string_view bytes = grammar_->forced(place);
  for (const char c : bytes) place = grammar_->next(place, static_cast<uint8_t>(c));
  if (!grammar_->complete(place)) {
    trie.cut(bytes, out);
  } else if (trie.spelled()) {
    trie.cut(std::string(bytes).append(kMarkerEnd), out);
  } else if (trie.cut(bytes, out)) {
    out.push_back(trie.vocabulary().end());
  }
}

bool Matcher::frame_answered() {
  if (!masks_) return false;
  const uint32_t frames = grammar_->frames();
  if (frame_index_ + 1 < frames) {
    ++frame_index_;
  } else if (frames > 0 && !grammar_->repeats_last()) {
    return true;
  }
  place_ = masks_->before_frame(frame_index_);
  return false;
}

void Matcher::restart() {
  frame_index_ = 0;
  in_frame_ = false;
  frame_.clear();
  if (masks_) place_ = masks_->before_frame(0);
}

}  // namespace phios
