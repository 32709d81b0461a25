// The tokens of a vocabulary as a byte trie in depth-first order: a walk skips what an automaton refuses.
//
// Ownership: shares the vocabulary. Threads: const use from any. Units: bytes, tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "syscalls/codec/grammar.h"

namespace phios {

class TokenTrie {
 public:
  struct Node {
    uint32_t past;   // the first node behind this one's subtree
    int32_t token;   // that ends here; -1: none
    uint16_t depth;  // bytes from the root, this one included
    uint8_t byte;
  };

  static constexpr size_t kMaxTokenBytes = 1024;  // longer tokens are never admitted

  // Tries are shared by everyone who asks for the same vocabulary.
  static std::shared_ptr<const TokenTrie> of(std::shared_ptr<const VocabularyView> vocabulary);
  explicit TokenTrie(std::shared_ptr<const VocabularyView> vocabulary);

  const VocabularyView& vocabulary() const { return *vocabulary_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int32_t>& ends() const { return ends_; }  // tokens that end a text
  size_t longest() const { return longest_; }                 // bytes of the longest token
  bool spelled() const { return spelled_; }                   // are the markers spelled out?
  // The vocabulary's answers, kept: accept() asks for them at every token.
  enum class Kind : uint8_t { kText, kSys, kEnd, kEndOfText, kOther };
  Kind kind(int32_t token) const { return kinds_[static_cast<size_t>(token)]; }
  // Another token of the same bytes; -1: none.
  int32_t twin(int32_t token) const { return twins_.empty() ? -1 : twins_[static_cast<size_t>(token)]; }

  // Appends the longest tokens that make up the text, as far as there are any. True: all of it.
  bool cut(std::string_view text, std::vector<int32_t>& out) const;

 private:
  Kind kind_of(int32_t token) const;
  void add(std::string_view bytes, int32_t token);
  int32_t longest_match(std::string_view text, size_t& length) const;

  std::shared_ptr<const VocabularyView> vocabulary_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> path_;  // while building: the nodes of the last token
  std::vector<int32_t> twins_;  // empty where no two tokens have the same bytes
  std::vector<int32_t> ends_;
  std::vector<Kind> kinds_;  // by token
  size_t longest_ = 0;
  bool spelled_;
};

}  // namespace phios
