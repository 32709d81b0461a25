// Grammar and automaton: the frames that a process may emit, as a byte-level deterministic automaton, and the
// token mask at each of its states.
//
// A grammar is table ∩ rights ∩ labels, or the `form` of a prompt program (a list of frames, each a small
// regular expression), determinised once and cached. Ownership: a Grammar is immutable and shared; a Matcher
// is one process's place in it. Threads: Grammar and MaskCache from any; a Matcher by one at a time. Units:
// bytes. Errors: EPARSE_ for a malformed form (names frame and column), ETOOBIG_ past kMaxStates.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "syscalls/codec/rights.h"

namespace phios {

struct GrammarSpec {
  RightSet rights;
  std::vector<std::string> labels;  // of the program; empty: JUMP cannot be emitted
  std::vector<std::string> form;    // regexes, see docs/formats/form.md; empty: any frame of table ∩ rights
  // Text outside frames. With a form there is none.
  bool free_text = true;
};

class Grammar {
 public:
  static constexpr uint32_t kMaxStates = 65536;
  static Result<std::shared_ptr<const Grammar>> compile(const GrammarSpec& spec);
  virtual ~Grammar() = default;

  using State = uint32_t;
  static constexpr State kDead = UINT32_MAX;

  virtual uint32_t frames() const = 0;    // of the form; 0: no form
  virtual bool repeats_last() const = 0;  // the form's last frame may come again
  virtual State start(
      uint32_t frame) const = 0;  // state just behind <|phi_sys|>; frame counts the form's frames
  virtual State next(State state, uint8_t byte) const = 0;  // kDead: not admitted
  virtual bool accepting(State state) const = 0;            // <|phi_end|> may follow
  virtual std::string_view forced(
      State state) const = 0;                        // bytes that follow without alternative (may be empty)
  virtual uint32_t shortest(State state) const = 0;  // bytes of the shortest completion
  virtual std::string completion(State state) const = 0;  // one of those
  virtual uint64_t admitted_bytes(State state,
                                  uint64_t words[4]) const = 0;  // 256-bit set; the number of bytes
  virtual bool free_text() const = 0;
  virtual uint64_t id() const = 0;  // for caches
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

// A process's place between bytes: in free text, or in a frame. Copyable (fork).
class Matcher {
 public:
  enum class Event { kNone, kFrame, kSectionDone, kEndOfText };

  Matcher() = default;
  Matcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const class MaskTable> masks);

  // The mask over the vocabulary of what may come next: (size + 63) / 64 words, cached for each state, never
  // allocated on the hot path once seen.
  std::span<const uint64_t> mask();
  uint32_t admitted();  // tokens in that mask
  // Accepts a token that the mask admits. kFrame: frame() holds the complete text between the markers.
  // kSectionDone: the form's last frame was answered.
  Event accept(int32_t token);
  // Bytes (and the closing marker) that must follow without a choice, as tokens to append without sampling;
  // each must then be given to accept(). Empty: the model has a choice.
  void forced(std::vector<int32_t>& out);
  const std::string& frame() const { return frame_; }
  std::string_view partial() const { return frame_; }
  bool in_frame() const { return in_frame_; }
  // After a frame's result has been appended: ready for the next. True: the form is complete and the section
  // ends.
  bool frame_answered();
  // After a JUMP or at a new section: the form starts again.
  void restart();

 private:
  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const class MaskTable> masks_;
  std::string frame_;  // bytes since <|phi_sys|>
  std::string tail_;   // free text that may be the beginning of a spelled-out marker
  Grammar::State state_ = Grammar::kDead;
  uint32_t frame_index_ = 0;
  bool in_frame_ = false;
};

// Masks of one grammar over one vocabulary, computed on demand and kept; the vocabulary is held as a byte
// trie so that a state costs the trie it can reach. Threads: any; a state is computed by whoever asks first.
std::shared_ptr<const class MaskTable> make_mask_table(std::shared_ptr<const Grammar> grammar,
                                                       std::shared_ptr<const VocabularyView> vocabulary);

}  // namespace phios
