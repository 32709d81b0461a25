#include "syscalls/codec/slots.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace phios {
namespace {

// The words of all slots, as tries.
class Tries {
 public:
  struct Node {
    std::map<uint8_t, uint32_t> next;
    uint32_t word = 0;   // that ends here; 0: none
    uint32_t below = 0;  // words that end here or further on
    uint32_t depth = 0;
  };
  struct Word {
    std::string text;
    bool once = false;
  };

  explicit Tries(std::span<const std::vector<SlotWord>> slots) : nodes_(1), words_(1) {  // 0 is none
    for (const std::vector<SlotWord>& slot : slots) {
      roots_.push_back(slot.empty() ? 0 : add(0));
      for (const SlotWord& word : slot) insert(roots_.back(), word);
    }
  }

  uint32_t root(size_t slot) const { return roots_[slot]; }  // 0: the slot has no words
  const Node& operator[](uint32_t node) const { return nodes_[node]; }
  const Word& word(uint32_t word) const { return words_[word]; }

  // Does the word end below the node, which is a root?
  bool has(uint32_t root, uint32_t word) const {
    uint32_t node = root;
    for (const char c : words_[word].text) {
      const auto next = nodes_[node].next.find(static_cast<uint8_t>(c));
      if (next == nodes_[node].next.end()) return false;
      node = next->second;
    }
    return nodes_[node].word == word;
  }

 private:
  uint32_t add(uint32_t depth) {
    nodes_.push_back({.next = {}, .depth = depth});
    return static_cast<uint32_t>(nodes_.size() - 1);
  }

  // The same text has the same number in every slot.
  uint32_t number(const SlotWord& word) {
    const auto [at, inserted] = numbers_.try_emplace(word.text, static_cast<uint32_t>(words_.size()));
    if (inserted) words_.push_back({word.text, word.once});
    return at->second;
  }

  void insert(uint32_t node, const SlotWord& word) {
    ++nodes_[node].below;
    for (const char c : word.text) {
      const auto byte = static_cast<uint8_t>(c);
      const auto known = nodes_[node].next.find(byte);
      const uint32_t next = known != nodes_[node].next.end() ? known->second : add(nodes_[node].depth + 1);
      nodes_[node].next[byte] = next;
      node = next;
      ++nodes_[node].below;
    }
    nodes_[node].word = number(word);
  }

  std::vector<Node> nodes_;
  std::vector<Word> words_;
  std::vector<uint32_t> roots_;
  std::map<std::string, uint32_t> numbers_;
};

// A place in the skeleton, or in a word after which the skeleton goes on at `state`.
struct Item {
  uint32_t node = 0;  // 0: in the skeleton
  uint32_t state = 0;
  uint32_t taken = 0;  // the word of the slot before, as long as it may still be meant again
  auto operator<=>(const Item&) const = default;
};
using Items = std::vector<Item>;

struct ItemsHash {
  size_t operator()(const Items& items) const {
    uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a, a number at a time
    for (const Item& item : items) {
      for (const uint32_t number : {item.node, item.state, item.taken})
        hash = (hash ^ number) * 0x100000001b3ULL;
    }
    return hash;
  }
};

// The subset construction over items; nearly every set has one of them.
class Filler {
 public:
  Filler(const Automaton& skeleton, std::span<const std::vector<SlotWord>> slots)
      : skeleton_(skeleton), tries_(slots), slots_(slots.size()) {
    make_classes(slots);
    find_slots_ahead();
  }

  Result<Automaton> run() {
    out_.start = state_of({{0, skeleton_.start, 0}});
    std::vector<Items> targets(out_.classes);
    for (uint32_t state = 0; state < out_.size(); ++state) {
      if (out_.size() > Automaton::kMaxStates)
        return fail(ErrorCode::ETOOBIG_, "the grammar is too large: the section has too many words");
      const Items members = members_[state];
      for (const Item& item : members) step(item, targets);
      bool alive = out_.accepting[state] != 0;
      for (uint32_t c = 0; c < out_.classes; ++c) {
        if (targets[c].empty()) continue;
        out_.next[size_t{state} * out_.classes + c] = state_of(std::exchange(targets[c], {}));
        alive = true;
      }
      dead_ends_ = dead_ends_ || !alive;
    }
    return dead_ends_ ? minimise(out_) : std::move(out_);
  }

 private:
  // Bytes that neither the skeleton nor a word tells apart; those of slots are left without a class of their
  // own.
  void make_classes(std::span<const std::vector<SlotWord>> slots) {
    std::array<bool, 256> in_word{};
    for (const std::vector<SlotWord>& words : slots)
      for (const SlotWord& word : words)
        for (const char c : word.text) in_word[static_cast<uint8_t>(c)] = true;
    std::map<std::pair<uint32_t, uint32_t>, uint8_t> classes;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool slot = byte >= slot_byte(0) && byte < slot_byte(slots_);
      const std::pair key(slot ? Automaton::kDead : skeleton_.class_of[byte], in_word[byte] ? byte : 256);
      const auto [at, inserted] = classes.try_emplace(key, static_cast<uint8_t>(classes.size()));
      if (inserted) skeleton_class_.push_back(key.first);
      out_.class_of[byte] = at->second;
    }
    out_.classes = static_cast<uint32_t>(classes.size());
  }

  // The states from which a slot is still to come: only there it matters which word was taken.
  void find_slots_ahead() {
    std::vector<bool> is_slot(skeleton_.classes, false);
    for (size_t slot = 0; slot < slots_; ++slot) is_slot[skeleton_.class_of[slot_byte(slot)]] = true;
    slots_ahead_.assign(skeleton_.size(), false);
    for (bool more = true; more;) {
      more = false;
      for (uint32_t state = skeleton_.size(); state-- > 0;) {
        const uint32_t* next = &skeleton_.next[size_t{state} * skeleton_.classes];
        for (uint32_t c = 0; c < skeleton_.classes && !slots_ahead_[state]; ++c) {
          if (next[c] == Automaton::kDead || !(is_slot[c] || slots_ahead_[next[c]])) continue;
          slots_ahead_[state] = more = true;
        }
      }
    }
  }

  void step(const Item& item, std::vector<Items>& targets) const {
    if (item.node != 0) return step_in_word(item, targets);
    for (uint32_t c = 0; c < out_.classes; ++c) {
      if (skeleton_class_[c] == Automaton::kDead) continue;
      const uint32_t to = skeleton_.next[size_t{item.state} * skeleton_.classes + skeleton_class_[c]];
      if (to != Automaton::kDead) targets[c].push_back({0, to, slots_ahead_[to] ? item.taken : 0});
    }
  }

  // As long as all bytes are those of the word taken before, that word may not be all that is left.
  void step_in_word(const Item& item, std::vector<Items>& targets) const {
    const Tries::Node& node = tries_[item.node];
    const std::string& taken = tries_.word(item.taken).text;
    for (const auto& [byte, child] : node.next) {
      const bool same = node.depth < taken.size() && static_cast<uint8_t>(taken[node.depth]) == byte;
      if (same && tries_[child].below == 1) continue;
      targets[out_.class_of[byte]].push_back({child, item.state, same ? item.taken : 0});
    }
  }

  // A word begins where the skeleton has its slot, and where a word ends the skeleton goes on.
  void close(Items& items) const {
    for (size_t i = 0; i < items.size(); ++i) {
      const Item item = items[i];
      if (item.node == 0) {
        begin_words(item, items);
        continue;
      }
      const uint32_t word = tries_[item.node].word;
      if (word == 0 || word == item.taken) continue;
      const bool kept = tries_.word(word).once && slots_ahead_[item.state];
      items.push_back({0, item.state, kept ? word : 0});
    }
    std::erase_if(items, [&](const Item& item) { return item.node != 0 && tries_[item.node].next.empty(); });
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
  }

  void begin_words(const Item& item, Items& items) const {
    for (size_t slot = 0; slot < slots_; ++slot) {
      const uint32_t after = skeleton_.step(item.state, slot_byte(slot));
      const uint32_t root = tries_.root(slot);
      if (after == Automaton::kDead || root == 0) continue;
      items.push_back({root, after, item.taken != 0 && tries_.has(root, item.taken) ? item.taken : 0});
    }
  }

  uint32_t state_of(Items items) {
    close(items);
    const auto [at, inserted] = index_.try_emplace(std::move(items), out_.size());
    if (inserted) {
      out_.accepting.push_back(std::any_of(at->first.begin(), at->first.end(), [&](const Item& item) {
        return item.node == 0 && skeleton_.accepting[item.state] != 0;
      }));
      out_.next.resize(out_.next.size() + out_.classes, Automaton::kDead);
      members_.push_back(at->first);
    }
    return at->second;
  }

  const Automaton& skeleton_;
  const Tries tries_;
  const size_t slots_;
  Automaton out_;
  std::vector<uint32_t> skeleton_class_;  // of a class; kDead: of the slots
  std::vector<bool> slots_ahead_;
  std::vector<Items> members_;
  std::unordered_map<Items, uint32_t, ItemsHash> index_;
  bool dead_ends_ = false;
};

}  // namespace

Result<Automaton> fill_slots(const Automaton& skeleton, std::span<const std::vector<SlotWord>> words) {
  if (skeleton.start == Automaton::kDead) return Automaton{};
  return Filler(skeleton, words).run();
}

}  // namespace phios
