// Minimisation by refining a partition of the states and one of the transitions in turn: A. Valmari, "Fast
// brief practical DFA minimization", Information Processing Letters 112 (2012). O(transitions × log states).
#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "syscalls/codec/automaton.h"

namespace phios {
namespace {

// A refinable partition of 0 … n-1, the paper's data structure.
class Partition {
 public:
  explicit Partition(uint32_t n) : element(n), location(n), set_of(n, 0), marked_(n + 1, 0) {
    std::iota(element.begin(), element.end(), 0);
    std::iota(location.begin(), location.end(), 0);
    if (n > 0) add_set(0, n);
  }

  uint32_t sets() const { return static_cast<uint32_t>(first.size()); }

  void add_set(uint32_t begin, uint32_t end) {
    first.push_back(begin);
    past.push_back(end);
  }

  void mark(uint32_t e) {
    const uint32_t set = set_of[e];
    const uint32_t i = location[e];
    const uint32_t j = first[set] + marked_[set];
    if (i < j) return;  // already marked
    std::swap(element[i], element[j]);
    location[element[i]] = i;
    location[element[j]] = j;
    if (marked_[set]++ == 0) touched_.push_back(set);
  }

  // Every set of which only a part is marked becomes two; the smaller one gets the new number.
  void split() {
    while (!touched_.empty()) {
      const uint32_t set = touched_.back();
      touched_.pop_back();
      const uint32_t middle = first[set] + std::exchange(marked_[set], 0);
      if (middle == past[set]) continue;
      const uint32_t fresh = sets();
      if (middle - first[set] <= past[set] - middle) {
        add_set(first[set], middle);
        first[set] = middle;
      } else {
        add_set(middle, past[set]);
        past[set] = middle;
      }
      for (uint32_t i = first[fresh]; i < past[fresh]; ++i) set_of[element[i]] = fresh;
    }
  }

  std::vector<uint32_t> element, location, set_of, first, past;

 private:
  std::vector<uint32_t> marked_, touched_;
};

struct Edge {
  uint32_t tail, label, head;
};

// The states from which, going along `step(edge) → (from, to)`, the seeds are left; as flags.
template <class Ends>
std::vector<uint8_t> reach(uint32_t n, const std::vector<Edge>& edges, std::vector<uint32_t> seeds,
                           Ends ends) {
  std::vector<uint32_t> offset(n + 2, 0), order(edges.size());
  for (const Edge& edge : edges) ++offset[ends(edge).first + 2];
  std::partial_sum(offset.begin(), offset.end(), offset.begin());
  for (uint32_t i = 0; i < edges.size(); ++i) order[offset[ends(edges[i]).first + 1]++] = i;
  std::vector<uint8_t> reached(n, 0);
  while (!seeds.empty()) {
    const uint32_t state = seeds.back();
    seeds.pop_back();
    if (std::exchange(reached[state], 1)) continue;
    for (uint32_t i = offset[state]; i < offset[state + 1]; ++i)
      seeds.push_back(ends(edges[order[i]]).second);
  }
  return reached;
}

// The edges between useful states: reached from the start, and reaching an accepting state.
std::vector<Edge> useful_edges(const Automaton& in, std::vector<uint8_t>& useful) {
  std::vector<Edge> edges;
  for (uint32_t state = 0; state < in.size(); ++state) {
    for (uint32_t c = 0; c < in.classes; ++c) {
      const uint32_t to = in.next[size_t{state} * in.classes + c];
      if (to != Automaton::kDead) edges.push_back({state, c, to});
    }
  }
  std::vector<uint32_t> ends;
  for (uint32_t state = 0; state < in.size(); ++state)
    if (in.accepting[state]) ends.push_back(state);
  useful = reach(in.size(), edges, {in.start}, [](const Edge& e) { return std::pair(e.tail, e.head); });
  const auto back = reach(in.size(), edges, ends, [](const Edge& e) { return std::pair(e.head, e.tail); });
  for (uint32_t state = 0; state < in.size(); ++state) useful[state] &= back[state];
  std::erase_if(edges, [&](const Edge& e) { return !useful[e.tail] || !useful[e.head]; });
  return edges;
}

// The coarsest partition of the states that no text tells apart.
Partition refine(const Automaton& in, std::vector<Edge>& edges, const std::vector<uint8_t>& useful) {
  Partition blocks(in.size());
  for (uint32_t state = 0; state < in.size(); ++state)
    if (!useful[state]) blocks.mark(state);
  blocks.split();
  for (uint32_t state = 0; state < in.size(); ++state)
    if (in.accepting[state] && useful[state]) blocks.mark(state);
  blocks.split();
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
    return std::tie(a.label, a.tail) < std::tie(b.label, b.tail);
  });
  const auto n_edges = static_cast<uint32_t>(edges.size());
  Partition cords(n_edges);
  cords.first.clear();
  cords.past.clear();
  for (uint32_t i = 0; i < n_edges; ++i) {
    if (i == 0 || edges[i].label != edges[i - 1].label) cords.add_set(i, n_edges);
    cords.past.back() = n_edges;
    if (cords.sets() > 1) cords.past[cords.sets() - 2] = cords.first.back();
    cords.set_of[i] = cords.sets() - 1;
  }
  std::vector<uint32_t> offset(in.size() + 2, 0), incoming(n_edges);
  for (const Edge& edge : edges) ++offset[edge.head + 2];
  std::partial_sum(offset.begin(), offset.end(), offset.begin());
  for (uint32_t i = 0; i < n_edges; ++i) incoming[offset[edges[i].head + 1]++] = i;
  uint32_t block = 1;
  for (uint32_t cord = 0; cord < cords.sets(); ++cord) {
    for (uint32_t i = cords.first[cord]; i < cords.past[cord]; ++i) blocks.mark(edges[cords.element[i]].tail);
    blocks.split();
    for (; block < blocks.sets(); ++block) {
      for (uint32_t i = blocks.first[block]; i < blocks.past[block]; ++i) {
        const uint32_t state = blocks.element[i];
        for (uint32_t j = offset[state]; j < offset[state + 1]; ++j) cords.mark(incoming[j]);
      }
      cords.split();
    }
  }
  return blocks;
}

}  // namespace

Automaton minimise(const Automaton& in) {
  Automaton out;
  out.class_of = in.class_of;
  out.classes = in.classes;
  if (in.start == Automaton::kDead) return out;
  std::vector<uint8_t> useful;
  std::vector<Edge> edges = useful_edges(in, useful);
  if (!useful[in.start]) return out;
  const Partition blocks = refine(in, edges, useful);
  // Numbers in the order in which they are met from the start, so that equal languages give equal automata.
  std::vector<uint32_t> number(blocks.sets(), Automaton::kDead);
  std::vector<uint32_t> order;  // a member of each block
  const auto number_of = [&](uint32_t state) {
    uint32_t& n = number[blocks.set_of[state]];
    if (n == Automaton::kDead) {
      n = static_cast<uint32_t>(order.size());
      order.push_back(state);
    }
    return n;
  };
  out.start = number_of(in.start);
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t state = order[i];
    out.accepting.push_back(in.accepting[state]);
    for (uint32_t c = 0; c < in.classes; ++c) {
      const uint32_t to = in.next[size_t{state} * in.classes + c];
      out.next.push_back(to == Automaton::kDead || !useful[to] ? Automaton::kDead : number_of(to));
    }
  }
  return out;
}

}  // namespace phios
