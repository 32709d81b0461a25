// SpecialMatcher: finds, at one place of a text, the longest of a set of token texts.
//
// Ownership: copies what it needs. Threads: immutable after the last add(), any thread. Units: bytes.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drivers/api/model.h"

namespace phios {

class SpecialMatcher {
 public:
  struct Match {
    Token token = -1;  // -1: none
    size_t length = 0;
  };

  void add(std::string_view text, Token token);
  bool empty() const { return edges_.empty(); }
  Match match(std::string_view text, size_t pos) const;
  // The first match at or after `pos`; its place is put into `pos`.
  Match find(std::string_view text, size_t& pos) const;
  Token exact(std::string_view text) const;  // -1: none

 private:
  static uint64_t key(uint32_t node, char c) { return uint64_t{node} << 8 | static_cast<unsigned char>(c); }

  std::unordered_map<uint64_t, uint32_t> edges_;  // of a trie: (node, byte) → node
  std::vector<Token> tokens_{-1};                 // of each node; node 0 is the root
  std::bitset<256> first_;                        // bytes that some text begins with
};

}  // namespace phios
