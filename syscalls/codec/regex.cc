#include "syscalls/codec/regex.h"

#include <utility>

namespace phios {
namespace {

constexpr uint32_t kIntDigits = 18;  // any number of so many digits fits 64 bits

constexpr std::string_view kHex = "0-9A-Fa-f";

// Well-formed UTF-8 sequences of two bytes and more; Unicode 15, table 3-7.
RegexId utf8_multibyte(RegexPool& pool) {
  const auto tail = [&] { return pool.range(0x80, 0xbf); };
  const auto sequence = [&](std::vector<RegexId> parts) { return pool.concat(std::move(parts)); };
  return pool.alternatives({
      sequence({pool.range(0xc2, 0xdf), tail()}),
      sequence({pool.range(0xe0, 0xe0), pool.range(0xa0, 0xbf), tail()}),
      sequence({pool.range(0xe1, 0xec), tail(), tail()}),
      sequence({pool.range(0xed, 0xed), pool.range(0x80, 0x9f), tail()}),
      sequence({pool.range(0xee, 0xef), tail(), tail()}),
      sequence({pool.range(0xf0, 0xf0), pool.range(0x90, 0xbf), tail(), tail()}),
      sequence({pool.range(0xf1, 0xf3), tail(), tail(), tail()}),
      sequence({pool.range(0xf4, 0xf4), pool.range(0x80, 0x8f), tail(), tail()}),
  });
}

// What stands after a backslash: no NUL and no half of a surrogate pair.
RegexId escape_rest(RegexPool& pool) {
  const auto set = [&](std::string_view ranges) { return pool.bytes(byte_set(ranges)); };
  const auto hex = [&](uint32_t n) { return pool.repeat(set(kHex), n, n); };
  const RegexId d = set("Dd");
  const RegexId unit = pool.alternatives({
      pool.concat({set("1-9A-CE-Fa-ce-f"), hex(3)}),
      pool.concat({d, set("0-7"), hex(2)}),
      pool.concat({set("0"), set("1-9A-Fa-f"), hex(2)}),
      pool.concat({pool.literal("00"), set("1-9A-Fa-f"), hex(1)}),
      pool.concat({pool.literal("000"), set("1-9A-Fa-f")}),
      pool.concat({d, set("89ABab"), hex(2), pool.literal("\\u"), d, set("C-Fc-f"), hex(2)}),
  });
  ByteSet simple = byte_set("bfnrt/");
  simple.set('"');
  simple.set('\\');
  return pool.alternatives({pool.bytes(simple), pool.concat({pool.literal("u"), unit})});
}

}  // namespace

ByteSet byte_set(std::string_view ranges) {
  ByteSet set;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const auto first = static_cast<uint8_t>(ranges[i]);
    auto last = first;
    if (i + 2 < ranges.size() && ranges[i + 1] == '-') {
      last = static_cast<uint8_t>(ranges[i + 2]);
      i += 2;
    }
    for (unsigned byte = first; byte <= last; ++byte) set.set(byte);
  }
  return set;
}

RegexId RegexPool::add(RegexNode node) {
  nodes_.push_back(std::move(node));
  return static_cast<RegexId>(nodes_.size() - 1);
}

RegexId RegexPool::bytes(const ByteSet& set) {
  RegexNode node;
  node.kind = RegexNode::Kind::kBytes;
  node.bytes = set;
  return add(std::move(node));
}

RegexId RegexPool::range(uint8_t first, uint8_t last) {
  ByteSet set;
  for (unsigned byte = first; byte <= last; ++byte) set.set(byte);
  return bytes(set);
}

RegexId RegexPool::literal(std::string_view text) {
  std::vector<RegexId> parts;
  for (const char c : text) parts.push_back(range(static_cast<uint8_t>(c), static_cast<uint8_t>(c)));
  return concat(std::move(parts));
}

RegexId RegexPool::concat(std::vector<RegexId> parts) {
  RegexNode node;
  node.kind = RegexNode::Kind::kConcat;
  node.children = std::move(parts);
  return add(std::move(node));
}

RegexId RegexPool::alternatives(std::vector<RegexId> parts) {
  RegexNode node;
  node.kind = RegexNode::Kind::kAlternatives;
  node.children = std::move(parts);
  return add(std::move(node));
}

RegexId RegexPool::repeat(RegexId part, uint32_t min, uint32_t max) {
  RegexNode node;
  node.kind = RegexNode::Kind::kRepeat;
  node.children = {part};
  node.min = min;
  node.max = max;
  return add(std::move(node));
}

RegexId RegexPool::bare() {
  if (bare_ == kUnbounded) bare_ = repeat(bytes(byte_set("A-Za-z0-9_./:+@-")), 1);
  return bare_;
}

// With A any character unit but '<', and B any but '<' and '|': (A | '<'+ B)* '<'* is every content in which
// '<' is never followed by '|'.
RegexId RegexPool::string_rest() {
  if (string_rest_ != kUnbounded) return string_rest_;
  ByteSet plain;
  for (unsigned byte = 0x20; byte < 0x80; ++byte) plain.set(byte);
  for (const char c : {'"', '\\', '<', '|'}) plain.reset(static_cast<uint8_t>(c));
  const RegexId no_bar =
      alternatives({bytes(plain), utf8_multibyte(*this), concat({literal("\\"), escape_rest(*this)})});
  const RegexId any = alternatives({no_bar, literal("|")});
  const RegexId unit = alternatives({any, concat({repeat(literal("<"), 1), no_bar})});
  string_rest_ = concat({repeat(unit, 0), repeat(literal("<"), 0), literal("\"")});
  return string_rest_;
}

RegexId RegexPool::string() { return concat({literal("\""), string_rest()}); }

RegexId RegexPool::word() {
  if (word_ == kUnbounded) word_ = alternatives({bare(), string()});
  return word_;
}

RegexId RegexPool::integer() {
  return concat({optional(literal("-")), repeat(bytes(byte_set("0-9")), 1, kIntDigits)});
}

RegexId RegexPool::big_integer() {
  return concat({optional(literal("-")), repeat(bytes(byte_set("0-9")), 1)});
}

}  // namespace phios
