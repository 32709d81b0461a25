// MaskTable: a grammar over a vocabulary. The grammar's automaton, with the markers around frames and the
// free text between them put to it, gives the places that a Matcher can be in; each has a mask.
//
// Ownership: shares grammar and vocabulary, owns the masks. Threads: const use from any. Units: bytes,
// tokens.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "syscalls/codec/grammar.h"
#include "syscalls/codec/text.h"
#include "syscalls/codec/token_trie.h"

namespace phios {

using Place = uint32_t;

struct Mask {
  std::vector<uint64_t> words;
  uint32_t count = 0;
};

class MaskTable {
 public:
  static constexpr Place kDead = UINT32_MAX;
  static constexpr size_t kMaxBytes = size_t{64}
                                      << 20;  // of masks kept; those past it are computed each time
  static constexpr uint32_t kNoBound = UINT32_MAX;

  MaskTable(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTrie> trie);

  const TokenTrie& trie() const { return *trie_; }

  // Places are the grammar's states and, behind them:
  bool in_grammar(Place place) const { return place < states_; }
  Place free(uint32_t seen) const { return states_ + seen; }  // free text that ends in so much of <|phi_sys|>
  Place opening(uint32_t seen) const { return states_ + kMarkerRoom + seen; }  // nothing else may stand here
  Place closing(uint32_t seen) const { return states_ + 2 * kMarkerRoom + seen; }  // so much of <|phi_end|>
  Place opening_or_end() const { return states_ + 3 * kMarkerRoom; }
  Place opened() const {
    return opening_or_end() + 1;
  }  // just behind <|phi_sys|>: no token goes on from here
  Place closed() const { return opening_or_end() + 2; }  // just behind <|phi_end|>: likewise
  // How much of a marker that must be completed was seen; -1: none is.
  int opening_seen(Place place) const { return within(place, opening(0)); }
  int closing_seen(Place place) const { return within(place, closing(0)); }

  Place before_frame(uint32_t frame) const;
  Place step(Place place, uint8_t byte) const {
    if (in_grammar(place)) {
      const Grammar::State next = grammar_->next(place, byte);
      if (next != Grammar::kDead) return next;
    }
    return step_outside(place, byte);
  }

  // The place's mask, computed now if nobody asked before. nullptr: there are kMaxBytes already.
  const Mask* find(Place place) const;
  // `room`: bytes that the frame may still have; tokens after which it could not be closed are left out.
  void compute(Place place, uint32_t room, std::vector<uint64_t>& words, uint32_t& count) const;

 private:
  static constexpr uint32_t kMarkerRoom = 16;
  static_assert(kMarkerSys.size() < kMarkerRoom && kMarkerEnd.size() < kMarkerRoom);

  static int within(Place place, Place first) {
    return place >= first && place < first + kMarkerRoom ? static_cast<int>(place - first) : -1;
  }
  // The steps that leave the grammar, and those between frames.
  Place step_outside(Place place, uint8_t byte) const;
  Place step_marker(std::string_view marker, uint32_t seen, uint8_t byte, Place first, Place done) const;
  void add_text_tokens(Place place, uint32_t room, std::vector<uint64_t>& words) const;
  void add_control_tokens(Place place, std::vector<uint64_t>& words) const;

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TokenTrie> trie_;
  uint32_t states_;
  bool spelled_;
  mutable std::vector<std::atomic<const Mask*>> found_;                           // by place
  mutable std::mutex mutex_;                                                      // guards masks_
  mutable std::unordered_multimap<uint64_t, std::unique_ptr<const Mask>> masks_;  // by hash: equal ones once
};

}  // namespace phios
