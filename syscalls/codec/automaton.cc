#include "syscalls/codec/automaton.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

namespace phios {
namespace {

using States = std::vector<uint32_t>;

struct StatesHash {
  size_t operator()(const States& states) const {
    uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a, a word at a time
    for (const uint32_t state : states) hash = (hash ^ state) * 0x100000001b3ULL;
    return hash;
  }
};

std::unexpected<Error> too_big() {
  return fail(ErrorCode::ETOOBIG_,
              fmt::format("the grammar is too large: over {} states", Automaton::kMaxStates));
}

// Thompson's construction. A state has either one edge over bytes or edges without.
class Nfa {
 public:
  struct State {
    int32_t set = -1;  // index of the edge's byte set
    uint32_t target = 0;
    States empty;
  };

  // False: past the bound.
  bool build(const RegexPool& pool, RegexId root) {
    first = add();
    last = add();
    return put(pool, root, first, last);
  }

  std::vector<State> states;
  std::vector<ByteSet> sets;
  uint32_t first = 0, last = 0;

 private:
  uint32_t add() {
    states.emplace_back();
    return static_cast<uint32_t>(states.size() - 1);
  }

  bool put(const RegexPool& pool, RegexId id, uint32_t from, uint32_t to) {
    if (states.size() > Automaton::kMaxNfaStates) return false;
    const RegexNode& node = pool.node(id);
    switch (node.kind) {
      case RegexNode::Kind::kBytes:
        put_bytes(node.bytes, from, to);
        return true;
      case RegexNode::Kind::kConcat:
        for (const RegexId child : node.children) {
          const uint32_t middle = add();
          if (!put(pool, child, from, middle)) return false;
          from = middle;
        }
        states[from].empty.push_back(to);
        return true;
      case RegexNode::Kind::kAlternatives:
        return std::all_of(node.children.begin(), node.children.end(), [&](RegexId child) {
          const uint32_t begin = add();
          states[from].empty.push_back(begin);
          return put(pool, child, begin, to);
        });
      case RegexNode::Kind::kRepeat:
        return put_repeat(pool, node, from, to);
    }
    return false;
  }

  bool put_repeat(const RegexPool& pool, const RegexNode& node, uint32_t from, uint32_t to) {
    uint32_t n = 0;
    for (; n < node.min || (node.max != RegexPool::kUnbounded && n < node.max); ++n) {
      if (n >= node.min) states[from].empty.push_back(to);
      const uint32_t middle = add();
      if (!put(pool, node.children[0], from, middle)) return false;
      from = middle;
    }
    if (node.max == RegexPool::kUnbounded) {
      const uint32_t loop = add();
      const uint32_t back = add();
      states[from].empty.push_back(loop);
      states[back].empty.push_back(loop);
      states[loop].empty.push_back(to);
      from = add();
      states[loop].empty.push_back(from);
      return put(pool, node.children[0], from, back);
    }
    states[from].empty.push_back(to);
    return true;
  }

  void put_bytes(const ByteSet& bytes, uint32_t from, uint32_t to) {
    const auto [at, inserted] = set_index_.try_emplace(bytes, static_cast<int32_t>(sets.size()));
    if (inserted) sets.push_back(bytes);
    const uint32_t state = add();
    states[from].empty.push_back(state);
    states[state].set = at->second;
    states[state].target = to;
  }

  std::unordered_map<ByteSet, int32_t> set_index_;
};

// Splits the bytes into classes such that every set is a union of classes.
uint32_t make_classes(const std::vector<ByteSet>& sets, std::array<uint8_t, 256>& class_of) {
  class_of.fill(0);
  uint32_t classes = 1;
  for (const ByteSet& set : sets) {
    std::array<int, 512> renamed;
    renamed.fill(-1);
    classes = 0;
    for (size_t byte = 0; byte < 256; ++byte) {
      int& name = renamed[class_of[byte] * size_t{2} + (set[byte] ? 1 : 0)];
      if (name < 0) name = static_cast<int>(classes++);
      class_of[byte] = static_cast<uint8_t>(name);
    }
  }
  return classes;
}

// The subset construction.
class Determiniser {
 public:
  explicit Determiniser(const Nfa& nfa) : nfa_(nfa), seen_(nfa.states.size(), 0) {
    out_.classes = make_classes(nfa.sets, out_.class_of);
    for (const ByteSet& set : nfa.sets) {
      std::vector<uint8_t> classes;
      for (size_t byte = 0; byte < 256; ++byte)
        if (set[byte]) classes.push_back(out_.class_of[byte]);
      std::sort(classes.begin(), classes.end());
      classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
      classes_of_set_.push_back(std::move(classes));
    }
  }

  Result<Automaton> run() {
    out_.start = state_of({nfa_.first});
    std::vector<States> targets(out_.classes);
    for (uint32_t state = 0; state < out_.size(); ++state) {
      if (out_.size() > Automaton::kMaxStates) return too_big();
      for (const uint32_t member : members_[state]) {
        const Nfa::State& from = nfa_.states[member];
        for (const uint8_t c : classes_of_set_[static_cast<size_t>(from.set)])
          targets[c].push_back(from.target);
      }
      for (uint32_t c = 0; c < out_.classes; ++c) {
        if (targets[c].empty()) continue;
        out_.next[size_t{state} * out_.classes + c] = state_of(targets[c]);
        targets[c].clear();
      }
    }
    return std::move(out_);
  }

 private:
  // The automaton's state for the closure of these; `targets` is what it is first found by.
  uint32_t state_of(const States& targets) {
    if (const auto known = by_targets_.find(targets); known != by_targets_.end()) return known->second;
    bool accepts = false;
    States closure = close(targets, accepts);
    States key = closure;
    key.push_back(accepts ? 1 : 0);
    const auto [at, inserted] = by_closure_.try_emplace(std::move(key), out_.size());
    if (inserted) {
      members_.push_back(std::move(closure));
      out_.accepting.push_back(accepts ? 1 : 0);
      out_.next.resize(out_.next.size() + out_.classes, Automaton::kDead);
    }
    by_targets_.emplace(targets, at->second);
    return at->second;
  }

  // Those of the states reached without a byte that have an edge over bytes, sorted.
  States close(const States& from, bool& accepts) {
    ++round_;
    States out;
    stack_.assign(from.begin(), from.end());
    while (!stack_.empty()) {
      const uint32_t state = stack_.back();
      stack_.pop_back();
      if (std::exchange(seen_[state], round_) == round_) continue;
      if (state == nfa_.last) accepts = true;
      if (nfa_.states[state].set >= 0) out.push_back(state);
      stack_.insert(stack_.end(), nfa_.states[state].empty.begin(), nfa_.states[state].empty.end());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  const Nfa& nfa_;
  Automaton out_;
  std::vector<std::vector<uint8_t>> classes_of_set_;
  std::vector<States> members_;
  std::unordered_map<States, uint32_t, StatesHash> by_targets_, by_closure_;
  std::vector<uint32_t> seen_;
  States stack_;
  uint32_t round_ = 0;
};

// Walks the product of two automata breadth first; `b` may be dead while `a` goes on.
class Product {
 public:
  Product(const Automaton& a, const Automaton& b) {
    // One byte for each pair of classes stands for all of them.
    std::map<std::pair<uint8_t, uint8_t>, uint8_t> pairs;
    for (size_t byte = 0; byte < 256; ++byte) {
      const auto [at, inserted] =
          pairs.try_emplace({a.class_of[byte], b.class_of[byte]}, static_cast<uint8_t>(pairs.size()));
      if (inserted) bytes.push_back(static_cast<uint8_t>(byte));
      class_of[byte] = at->second;
    }
  }

  struct State {
    uint32_t a, b;
    uint32_t from;  // how it was first reached
    uint8_t byte;
  };

  uint32_t state_of(uint32_t a, uint32_t b, uint32_t from, uint8_t byte) {
    const auto [at, inserted] =
        index_.try_emplace((uint64_t{a} << 32) | b, static_cast<uint32_t>(states.size()));
    if (inserted) states.push_back({a, b, from, byte});
    return at->second;
  }

  std::string text(uint32_t state) const {
    std::string out;
    for (; state != 0; state = states[state].from) out.push_back(static_cast<char>(states[state].byte));
    std::reverse(out.begin(), out.end());
    return out;
  }

  std::vector<State> states;
  std::vector<uint8_t> bytes;  // one for each class
  std::array<uint8_t, 256> class_of{};

 private:
  std::unordered_map<uint64_t, uint32_t> index_;
};

}  // namespace

uint32_t Automaton::walk(uint32_t state, std::string_view bytes) const {
  for (const char c : bytes) state = step(state, static_cast<uint8_t>(c));
  return state;
}

Result<Automaton> compile_regex(const RegexPool& pool, RegexId root) {
  Nfa nfa;
  if (!nfa.build(pool, root)) return too_big();
  return minimise(TRY(Determiniser(nfa).run()));
}

Result<Automaton> intersect(const Automaton& a, const Automaton& b) {
  Automaton out;
  if (a.start == Automaton::kDead || b.start == Automaton::kDead) return out;
  Product product(a, b);
  out.class_of = product.class_of;
  out.classes = static_cast<uint32_t>(product.bytes.size());
  out.start = product.state_of(a.start, b.start, 0, 0);
  for (uint32_t state = 0; state < product.states.size(); ++state) {
    if (state > Automaton::kMaxStates) return too_big();
    const auto [in_a, in_b, from, byte] = product.states[state];
    out.accepting.push_back(a.accepting[in_a] & b.accepting[in_b]);
    for (const uint8_t next : product.bytes) {
      const uint32_t next_a = a.step(in_a, next);
      const uint32_t next_b = b.step(in_b, next);
      const bool dead = next_a == Automaton::kDead || next_b == Automaton::kDead;
      out.next.push_back(dead ? Automaton::kDead : product.state_of(next_a, next_b, state, next));
    }
  }
  return minimise(out);
}

std::optional<std::string> shortest_difference(const Automaton& a, const Automaton& b) {
  if (a.start == Automaton::kDead) return std::nullopt;
  Product product(a, b);
  product.state_of(a.start, b.start, 0, 0);
  for (uint32_t state = 0; state < product.states.size(); ++state) {
    const auto [in_a, in_b, from, byte] = product.states[state];
    if (a.accepting[in_a] && (in_b == Automaton::kDead || !b.accepting[in_b])) return product.text(state);
    for (const uint8_t next : product.bytes) {
      const uint32_t next_a = a.step(in_a, next);
      if (next_a != Automaton::kDead) product.state_of(next_a, b.step(in_b, next), state, next);
    }
  }
  return std::nullopt;
}

std::optional<std::string> shortest_text(const Automaton& a) { return shortest_difference(a, Automaton{}); }

}  // namespace phios
