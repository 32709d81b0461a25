#include "syscalls/codec/grammar.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "syscalls/codec/automaton.h"
#include "syscalls/codec/frames.h"
#include "syscalls/codec/slots.h"
#include "syscalls/codec/text.h"

namespace phios {
namespace {

constexpr std::string_view kRepeatMark = "* ";

// An error of the form's frame k, counted from 0.
std::unexpected<Error> form_error(size_t k, ErrorCode code, std::string_view what) {
  return fail(code, fmt::format("form {}: {}", k + 1, what));
}

// The rows whose name the automaton can write.
std::vector<const CallSpec*> rows_of(const Automaton& form, std::vector<const CallSpec*> rows) {
  std::erase_if(rows, [&](const CallSpec* spec) {
    const uint32_t state = form.walk(form.start, spec->text);
    return state == Automaton::kDead || !(form.accepting[state] || form.step(state, ' ') != Automaton::kDead);
  });
  return rows;
}

Result<Automaton> legal_frames(const std::vector<const CallSpec*>& rows, const RightSet& rights,
                               const std::vector<std::string>& labels) {
  RegexPool pool;
  return compile_regex(pool, frames_regex(pool, rows, rights, labels));
}

// The last ones asked for, by everything that they were made from.
template <class T>
class Cache {
 public:
  std::shared_ptr<const T> find(const std::string& key) {
    std::lock_guard lock(mutex_);
    const auto at = index_.find(key);
    if (at == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, at->second);
    return at->second->second;
  }

  void put(const std::string& key, std::shared_ptr<const T> value) {
    std::lock_guard lock(mutex_);
    if (index_.contains(key)) return;
    entries_.emplace_front(key, std::move(value));
    index_.emplace(entries_.front().first, entries_.begin());
    if (entries_.size() <= Grammar::kCached) return;
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }

 private:
  using Entries = std::list<std::pair<std::string, std::shared_ptr<const T>>>;
  std::mutex mutex_;  // guards both
  Entries entries_;   // the last used first
  std::unordered_map<std::string_view, typename Entries::iterator> index_;
};

// Lengths before the texts, so that different lists never read the same.
template <class List>
void append_to_key(std::string& key, const List& list) {
  const auto number = [&key](size_t n) { key.append(reinterpret_cast<const char*>(&n), sizeof n); };
  number(list.size());
  for (const std::string& text : list) {
    number(text.size());
    key += text;
  }
}

// The frames of some rights with a slot for each operand: what the sections of a program have in common.
struct Skeleton {
  Automaton automaton;
  std::vector<OperandSlot> slots;
};

Result<std::shared_ptr<const Skeleton>> skeleton(const RightSet& rights, bool has_labels) {
  static Cache<Skeleton> cache;
  std::string key(1, has_labels ? 'l' : 'n');
  append_to_key(key, rights.list());
  if (auto known = cache.find(key)) return known;
  auto made = std::make_shared<Skeleton>();
  RegexPool pool;
  const RegexId root = frames_regex(pool, emittable_calls(rights, has_labels), rights, made->slots);
  if (made->slots.size() > kSlotsMax)
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("operands: section: {} different lists of scopes, at most {}", made->slots.size(),
                            kSlotsMax));
  made->automaton = TRY(compile_regex(pool, root));
  cache.put(key, made);
  return made;
}

Result<Automaton> frames_of_words(const GrammarSpec& spec) {
  const std::shared_ptr<const Skeleton> frames = TRY(skeleton(spec.rights, !spec.labels.empty()));
  std::vector<std::vector<SlotWord>> words;
  for (const OperandSlot& slot : frames->slots)
    words.push_back(words_of_slot(slot, *spec.operands, spec.labels));
  return fill_slots(frames->automaton, words);
}

std::string why_not_legal(const std::string& frame) {
  const Result<Call> call = parse_call(frame);
  if (!call) return call.error().message;
  return "integers have at most 18 digits, labels are those of the program, optionals stand in the table's "
         "order";
}

Result<Automaton> form_frame(const GrammarSpec& spec, size_t k) {
  std::string_view form = spec.form[k];
  if (form.size() > Grammar::kMaxFormBytes)
    return form_error(k, ErrorCode::ETOOBIG_, fmt::format("over {} bytes", Grammar::kMaxFormBytes));
  if (form.starts_with(kRepeatMark)) {
    if (k + 1 != spec.form.size()) return form_error(k, ErrorCode::EPARSE_, "only the last frame may repeat");
    form.remove_prefix(kRepeatMark.size());
  }
  RegexPool pool;
  const Result<RegexId> root = parse_form(pool, form, spec.labels);
  if (!root) return form_error(k, root.error().code, root.error().message);
  Result<Automaton> wanted = compile_regex(pool, *root);
  if (!wanted) return form_error(k, wanted.error().code, wanted.error().message);
  // A form is a promise to the model's trainer and a limit on its words: what is no frame at all is a
  // mistake.
  const auto all = rows_of(*wanted, emittable_calls(RightSet::all(), !spec.labels.empty()));
  const Automaton legal = TRY(legal_frames(all, RightSet::all(), spec.labels));
  if (const auto bad = shortest_difference(*wanted, legal))
    return form_error(
        k, ErrorCode::EPARSE_,
        fmt::format("admits {}, which is no frame: {}", quote_string(*bad), why_not_legal(*bad)));
  if (spec.rights.covers("*")) return wanted;
  const auto permitted = rows_of(*wanted, emittable_calls(spec.rights, !spec.labels.empty()));
  Result<Automaton> common = intersect(*wanted, TRY(legal_frames(permitted, spec.rights, spec.labels)));
  if (!common || common->start != Automaton::kDead) return common;
  const std::string example = shortest_text(*wanted).value_or("");
  return form_error(
      k, ErrorCode::EPERM_,
      fmt::format("{} needs the right {}", quote_string(example), required_right(*parse_call(example))));
}

}  // namespace

class GrammarBuilder {
 public:
  static Result<std::shared_ptr<const Grammar>> build(const GrammarSpec& spec) {
    std::vector<Automaton> frames;
    if (spec.form.empty() && spec.operands) {
      frames.push_back(TRY(frames_of_words(spec)));
    } else if (spec.form.empty()) {
      const auto rows = emittable_calls(spec.rights, !spec.labels.empty());
      frames.push_back(TRY(legal_frames(rows, spec.rights, spec.labels)));
    }
    for (size_t k = 0; k < spec.form.size(); ++k) frames.push_back(TRY(form_frame(spec, k)));
    GrammarBuilder builder;
    TRY(builder.join(frames));
    builder.find_shortest();
    builder.find_forced();
    static std::atomic<uint64_t> last_id{0};
    Grammar& grammar = *builder.grammar_;
    grammar.id_ = ++last_id;
    grammar.form_frames_ = spec.form.size();
    grammar.repeats_last_ = !spec.form.empty() && spec.form.back().starts_with(kRepeatMark);
    grammar.free_text_ = spec.form.empty() && spec.free_text;
    for (const Grammar::State start : grammar.starts_) {
      if (start != Grammar::kDead && grammar.shortest(start) > PHI_FRAME_MAX)
        return fail(ErrorCode::ETOOBIG_, fmt::format("form: a frame has over {} bytes", PHI_FRAME_MAX));
    }
    return std::shared_ptr<const Grammar>(std::move(builder.grammar_));
  }

 private:
  // Puts the frames' automata side by side, over classes of bytes that none of them tells apart.
  Status join(const std::vector<Automaton>& frames) {
    std::map<std::string, uint8_t> classes;
    for (size_t byte = 0; byte < 256; ++byte) {
      std::string key;
      for (const Automaton& frame : frames) key.push_back(static_cast<char>(frame.class_of[byte]));
      const auto [at, inserted] = classes.try_emplace(std::move(key), static_cast<uint8_t>(classes.size()));
      if (inserted) {
        byte_of_class_.push_back(static_cast<uint8_t>(byte));
        class_size_.push_back(0);
      }
      grammar_->class_of_[byte] = at->second;
      ++class_size_[at->second];
    }
    grammar_->classes_ = static_cast<uint32_t>(classes.size());
    for (const Automaton& frame : frames) TRY(join_one(frame));
    return {};
  }

  Status join_one(const Automaton& frame) {
    const uint32_t base = grammar_->states();
    if (base + frame.size() > Grammar::kMaxStates)
      return fail(ErrorCode::ETOOBIG_,
                  fmt::format("the form is too large: over {} states", Grammar::kMaxStates));
    grammar_->starts_.push_back(frame.start == Automaton::kDead ? Grammar::kDead : base + frame.start);
    for (uint32_t state = 0; state < frame.size(); ++state) {
      grammar_->facts_.emplace_back();
      grammar_->facts_.back().accepting = frame.accepting[state] != 0;
      for (const uint8_t byte : byte_of_class_) {
        const uint32_t to = frame.step(state, byte);
        grammar_->next_.push_back(to == Automaton::kDead ? Grammar::kDead : base + to);
      }
    }
    return {};
  }

  Grammar::State next(Grammar::State state, uint32_t c) const {
    return grammar_->next_[size_t{state} * grammar_->classes_ + c];
  }

  // Breadth first from the accepting states, backwards.
  void find_shortest() {
    const uint32_t n = grammar_->states();
    std::vector<std::vector<Grammar::State>> before(n);
    for (Grammar::State state = 0; state < n; ++state) {
      for (uint32_t c = 0; c < grammar_->classes_; ++c)
        if (next(state, c) != Grammar::kDead) before[next(state, c)].push_back(state);
    }
    std::vector<Grammar::State> queue;
    std::vector<bool> seen(n, false);
    for (Grammar::State state = 0; state < n; ++state) {
      if (!grammar_->facts_[state].accepting) continue;
      queue.push_back(state);
      seen[state] = true;
    }
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t length = grammar_->facts_[queue[i]].shortest;
      grammar_->longest_shortest_ = std::max(grammar_->longest_shortest_, length);
      for (const Grammar::State state : before[queue[i]]) {
        if (seen[state]) continue;
        seen[state] = true;
        grammar_->facts_[state].shortest = length + 1;
        queue.push_back(state);
      }
    }
  }

  // The class of the one byte that may follow; -1 where there is a choice or an end.
  int only_class(Grammar::State state) const {
    int only = -1;
    uint32_t bytes = 0;
    for (uint32_t c = 0; c < grammar_->classes_; ++c) {
      if (next(state, c) == Grammar::kDead) continue;
      only = static_cast<int>(c);
      bytes += class_size_[c];
    }
    return bytes == 1 && !grammar_->facts_[state].accepting ? only : -1;
  }

  // Every state of a chain without choice points into the chain's text.
  void find_forced() {
    for (Grammar::State head = 0; head < grammar_->states(); ++head) {
      uint64_t words[4];
      Grammar::Facts& facts = grammar_->facts_[head];
      facts.complete = facts.accepting && grammar_->admitted_bytes(head, words) == 0;
      std::vector<Grammar::State> chain;
      std::string text;
      Grammar::State state = head;
      for (int c = only_class(state); c >= 0 && grammar_->facts_[state].forced_size == 0;
           c = only_class(state)) {
        chain.push_back(state);
        text.push_back(static_cast<char>(byte_of_class_[static_cast<size_t>(c)]));
        state = next(state, static_cast<uint32_t>(c));
      }
      text += grammar_->forced(state);
      for (size_t i = 0; i < chain.size(); ++i) {
        grammar_->facts_[chain[i]].forced_at = static_cast<uint32_t>(grammar_->forced_.size() + i);
        grammar_->facts_[chain[i]].forced_size = static_cast<uint32_t>(text.size() - i);
      }
      if (!chain.empty()) grammar_->forced_ += text;
    }
  }

  std::shared_ptr<Grammar> grammar_{new Grammar()};
  std::vector<uint8_t> byte_of_class_;
  std::vector<uint32_t> class_size_;
};

namespace {

std::string cache_key(const GrammarSpec& spec) {
  std::string key(1, spec.free_text ? 'f' : 'n');
  append_to_key(key, spec.rights.list());
  append_to_key(key, spec.labels);
  append_to_key(key, spec.form);
  if (spec.operands) {
    key += 'o';
    for (const auto& [word, count] : *spec.operands) {
      append_to_key(key, std::array{word});
      key += count == 1 ? '1' : '+';
    }
  }
  return key;
}

Status check_spec(const GrammarSpec& spec) {
  if (spec.labels.size() > PHI_LABELS_MAX)
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("{} labels, at most {}", spec.labels.size(), PHI_LABELS_MAX));
  for (const std::string& label : spec.labels) {
    if (!is_label(label))
      return fail(ErrorCode::EPARSE_, fmt::format("label {}: 1 to {} of [A-Za-z0-9_-] expected",
                                                  quote_word(label), PHI_LABEL_MAX));
  }
  if (spec.form.size() > Grammar::kMaxForms)
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("form: {} frames, at most {}", spec.form.size(), Grammar::kMaxForms));
  if (spec.operands && !spec.form.empty())
    return fail(ErrorCode::EINVAL_,
                "operands: section: a form says itself what its frames hold; use one of the two");
  return {};
}

}  // namespace

Result<std::shared_ptr<const Grammar>> Grammar::compile(const GrammarSpec& spec) {
  static Cache<Grammar> cache;
  const std::string key = cache_key(spec);
  if (auto known = cache.find(key)) return known;
  TRY(check_spec(spec));
  std::shared_ptr<const Grammar> grammar = TRY(GrammarBuilder::build(spec));
  cache.put(key, grammar);
  return grammar;
}

std::string Grammar::completion(State state) const {
  std::string out;
  while (facts_[state].shortest > 0) {
    // Printable bytes first: a completion is shown to people.
    for (unsigned i = 0; i < 256; ++i) {
      const auto byte = static_cast<uint8_t>(i + 0x20);
      const State to = next(state, byte);
      if (to == kDead || facts_[to].shortest + 1 != facts_[state].shortest) continue;
      out.push_back(static_cast<char>(byte));
      state = to;
      break;
    }
  }
  return out;
}

uint64_t Grammar::admitted_bytes(State state, uint64_t words[4]) const {
  std::fill_n(words, 4, 0);
  uint64_t count = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (next(state, static_cast<uint8_t>(byte)) == kDead) continue;
    words[byte / 64] |= uint64_t{1} << (byte % 64);
    ++count;
  }
  return count;
}

}  // namespace phios
