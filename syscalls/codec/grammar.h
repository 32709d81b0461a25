// Grammar and automaton: the frames that a process may emit, as a byte-level deterministic automaton, and the
// token mask at each of its states.
//
// A grammar is table ∩ rights ∩ labels, or the `form` of a prompt program (a list of frames, each a small
// regular expression), determinised once and cached. Ownership: a Grammar is immutable and shared; a Matcher
// is one process's place in it. Threads: Grammar and MaskTable from any; a Matcher by one at a time. Units:
// bytes. Errors: EPARSE_ for a malformed form (names frame and column), EPERM_ for one that the rights
// forbid, ETOOBIG_ past a bound.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "syscalls/codec/operands.h"
#include "syscalls/codec/rights.h"

namespace phios {

struct GrammarSpec {
  RightSet rights;
  std::vector<std::string> labels;  // of the program; empty: JUMP cannot be emitted
  std::vector<std::string> form;    // regexes, see docs/formats/form.md; empty: any frame of table ∩ rights
  // Text outside frames. With a form there is none.
  bool free_text = true;
  // Where given: cells, names, values, labels and integers of calls that stay inside the kernel are among
  // these words. Not together with a form.
  std::optional<Operands> operands = std::nullopt;
};

// The automaton of one process's frames. What is said of a state holds for every place in a frame of which no
// continuation can tell it apart.
class Grammar {
 public:
  static constexpr uint32_t kMaxStates = 65536;
  static constexpr size_t kMaxForms = 64;         // frames of a form
  static constexpr size_t kMaxFormBytes = 16384;  // of one of them
  static constexpr size_t kCached = 64;           // grammars kept by compile()

  // Equal specs share one grammar: the last ones asked for are kept, and finding one costs about a
  // microsecond.
  static Result<std::shared_ptr<const Grammar>> compile(const GrammarSpec& spec);

  using State = uint32_t;
  static constexpr State kDead = UINT32_MAX;

  uint32_t frames() const { return static_cast<uint32_t>(form_frames_); }  // of the form; 0: no form
  bool repeats_last() const { return repeats_last_; }  // the form's last frame may come any number of times
  // Just behind <|phi_sys|>; frame counts the form's frames. kDead: no frame can be emitted at all.
  State start(uint32_t frame) const { return starts_[frame < starts_.size() ? frame : starts_.size() - 1]; }
  State next(State state, uint8_t byte) const { return next_[size_t{state} * classes_ + class_of_[byte]]; }
  bool accepting(State state) const { return facts_[state].accepting; }  // <|phi_end|> may follow
  bool complete(State state) const { return facts_[state].complete; }    // accepting, and no byte may follow
  // Bytes that follow without alternative; may be empty.
  std::string_view forced(State state) const {
    return std::string_view(forced_).substr(facts_[state].forced_at, facts_[state].forced_size);
  }
  uint32_t shortest(State state) const { return facts_[state].shortest; }  // bytes of the shortest completion
  uint32_t longest_shortest() const { return longest_shortest_; }          // the greatest of these
  std::string completion(State state) const;                               // one of those
  uint64_t admitted_bytes(State state, uint64_t words[4]) const;  // a set of 256 bits; the number of bytes
  uint32_t states() const { return static_cast<uint32_t>(facts_.size()); }
  bool free_text() const { return free_text_; }
  uint64_t id() const { return id_; }  // no other grammar of this run has it

 private:
  friend class GrammarBuilder;
  struct Facts {
    uint32_t shortest = 0;
    uint32_t forced_at = 0;
    uint32_t forced_size = 0;
    bool accepting = false;
    bool complete = false;
  };

  Grammar() = default;

  std::array<uint8_t, 256> class_of_{};
  uint32_t classes_ = 0;
  std::vector<State> next_;
  std::vector<Facts> facts_;
  std::vector<State> starts_;
  std::string forced_;  // what every forced() is a part of
  size_t form_frames_ = 0;
  uint32_t longest_shortest_ = 0;
  uint64_t id_ = 0;
  bool repeats_last_ = false;
  bool free_text_ = true;
};

// The tokens that may come next, as a bit set over a vocabulary, and what the tokens of that vocabulary look
// like to an automaton. Vocabulary facts are given by a small interface so that codec does not depend on
// drivers.
class VocabularyView {
 public:
  virtual ~VocabularyView() = default;
  virtual uint32_t size() const = 0;
  virtual std::string_view bytes(int32_t token) const = 0;  // empty for control tokens
  virtual int32_t sys() const = 0;                          // marker tokens; -1: spelled out in bytes
  virtual int32_t end() const = 0;
  virtual int32_t ret() const = 0;
  virtual bool is_end_of_text(int32_t token) const = 0;
  virtual bool is_control(int32_t token) const = 0;
};

class MaskTable;

// Masks of one grammar over one vocabulary, computed on demand and kept. The vocabulary is held as a byte
// trie, shared by all tables over it, so that a state costs the part of the trie that it can reach; equal
// masks are kept once. Threads: any; a state is computed by whoever asks first.
std::shared_ptr<const MaskTable> make_mask_table(std::shared_ptr<const Grammar> grammar,
                                                 std::shared_ptr<const VocabularyView> vocabulary);

// A process's place between bytes: in free text, before a frame, or in one. Copyable (fork).
//
// Order of calls: mask(), accept() of a token that it admits, forced() and accept() of each of these, again;
// after kFrame comes frame_answered() or restart(). A default-made Matcher has no grammar: it admits every
// token, its mask is empty, and it never reports a frame.
class Matcher {
 public:
  // kFrame: frame() holds the text between the markers. kSectionDone: the text ended where the form lets it.
  // kEndOfText: it ended in free text.
  enum class Event { kNone, kFrame, kSectionDone, kEndOfText };

  Matcher() = default;
  Matcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const MaskTable> masks);

  // What may come next, as a bit set of the vocabulary's tokens: (size + 63) / 64 words, cached for each
  // state, never allocated on the hot path once seen; valid until the next call. Where markers are spelled
  // out, no token is admitted that begins on one side of a marker's end and ends on the other.
  std::span<const uint64_t> mask();
  uint32_t admitted();  // tokens in that mask
  Event accept(int32_t token);
  // Appends the tokens that must follow without a choice, markers included. Empty: the model has a choice.
  void forced(std::vector<int32_t>& out) const;
  const std::string& frame() const { return frame_; }
  std::string_view partial() const { return frame_; }
  bool in_frame() const { return in_frame_; }
  bool guided() const {
    return grammar_ && (in_frame_ || !grammar_->free_text());
  }  // the grammar limits what follows
  // After a frame's result has been appended: ready for the next. True: the form is complete and the section
  // ends.
  bool frame_answered();
  // After a JUMP or at a new section: the form starts again.
  void restart();

 private:
  bool near_bound() const;
  Event accept_text(std::string_view bytes);
  Event take_place(uint32_t place);

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const MaskTable> masks_;
  std::string frame_;           // bytes since <|phi_sys|>
  std::vector<uint64_t> near_;  // the mask near the frame's bound, which no table keeps
  uint32_t count_ = 0;          // tokens in the last mask
  uint32_t place_ = 0;          // of the mask table's automaton
  uint32_t frame_index_ = 0;
  bool in_frame_ = false;
};

}  // namespace phios
