// Regular expressions over bytes, as trees in a pool: what frames and forms are written in before they become
// automata.
//
// Ownership: a RegexPool owns its nodes; a RegexId is valid for its pool. Threads: one at a time. Units:
// bytes.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace phios {

using ByteSet = std::bitset<256>;
using RegexId = uint32_t;

struct RegexNode {
  enum class Kind : uint8_t { kBytes, kConcat, kAlternatives, kRepeat };
  Kind kind = Kind::kConcat;
  ByteSet bytes;                  // kBytes: one byte of these
  std::vector<RegexId> children;  // of kRepeat: one
  uint32_t min = 0, max = 0;      // kRepeat
};

class RegexPool {
 public:
  static constexpr uint32_t kUnbounded = UINT32_MAX;

  const RegexNode& node(RegexId id) const { return nodes_[id]; }

  RegexId bytes(const ByteSet& set);
  RegexId range(uint8_t first, uint8_t last);
  RegexId literal(std::string_view text);
  RegexId concat(std::vector<RegexId> parts);        // of none: the empty text
  RegexId alternatives(std::vector<RegexId> parts);  // of none: nothing at all
  RegexId repeat(RegexId part, uint32_t min, uint32_t max = kUnbounded);
  RegexId optional(RegexId part) { return repeat(part, 0, 1); }

  // The words that frames are made of.
  RegexId bare();         // [A-Za-z0-9_./:+@-]+
  RegexId string();       // a JSON string that WordReader reads
  RegexId string_rest();  // the same without the opening quote
  RegexId word();         // either
  RegexId integer();      // -?[0-9]{1,18}: always 64 bits
  RegexId big_integer();  // -?[0-9]+

 private:
  RegexId add(RegexNode node);

  std::vector<RegexNode> nodes_;
  // The words are the same nodes wherever they stand.
  RegexId bare_ = kUnbounded, string_rest_ = kUnbounded, word_ = kUnbounded;
};

// The bytes of a class such as "A-Za-z0-9_": ranges and single bytes.
ByteSet byte_set(std::string_view ranges);

}  // namespace phios
