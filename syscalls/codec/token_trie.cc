#include "syscalls/codec/token_trie.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace phios {

std::shared_ptr<const TokenTrie> TokenTrie::of(std::shared_ptr<const VocabularyView> vocabulary) {
  // A trie that is still in use keeps its vocabulary, so that no other one can stand at the same address.
  static std::mutex mutex;
  static std::vector<std::weak_ptr<const TokenTrie>> known;
  std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& trie) { return trie.expired(); });
  for (const auto& weak : known) {
    if (auto trie = weak.lock(); trie && &trie->vocabulary() == vocabulary.get()) return trie;
  }
  auto trie = std::make_shared<const TokenTrie>(std::move(vocabulary));
  known.push_back(trie);
  return trie;
}

TokenTrie::TokenTrie(std::shared_ptr<const VocabularyView> vocabulary)
    : vocabulary_(std::move(vocabulary)), spelled_(vocabulary_->sys() < 0) {
  const auto n = static_cast<int32_t>(vocabulary_->size());
  std::vector<std::pair<std::string_view, int32_t>> tokens;
  for (int32_t token = 0; token < n; ++token) {
    kinds_.push_back(kind_of(token));
    if (kinds_.back() == Kind::kEndOfText) ends_.push_back(token);
    if (kinds_.back() != Kind::kText) continue;
    const std::string_view bytes = vocabulary_->bytes(token);
    tokens.emplace_back(bytes, token);
    longest_ = std::max(longest_, bytes.size());
  }
  std::sort(tokens.begin(), tokens.end());
  for (const auto& [bytes, token] : tokens) add(bytes, token);
  for (const uint32_t node : path_) nodes_[node].past = static_cast<uint32_t>(nodes_.size());
  path_ = {};
}

TokenTrie::Kind TokenTrie::kind_of(int32_t token) const {
  const VocabularyView& v = *vocabulary_;
  if (v.is_end_of_text(token)) return Kind::kEndOfText;
  if (token == v.sys()) return Kind::kSys;
  if (token == v.end()) return Kind::kEnd;
  const size_t bytes = v.bytes(token).size();
  const bool other = token == v.ret() || v.is_control(token) || bytes == 0 || bytes > kMaxTokenBytes;
  return other ? Kind::kOther : Kind::kText;
}

// Tokens come sorted: what this one does not share with the last one is new.
void TokenTrie::add(std::string_view bytes, int32_t token) {
  size_t shared = 0;
  while (shared < path_.size() && shared < bytes.size() &&
         nodes_[path_[shared]].byte == static_cast<uint8_t>(bytes[shared]))
    ++shared;
  if (shared == bytes.size() && shared == path_.size()) {
    if (twins_.empty()) twins_.assign(vocabulary_->size(), -1);
    twins_[static_cast<size_t>(token)] = std::exchange(nodes_[path_.back()].token, token);
    return;
  }
  for (; path_.size() > shared; path_.pop_back())
    nodes_[path_.back()].past = static_cast<uint32_t>(nodes_.size());
  for (size_t i = shared; i < bytes.size(); ++i) {
    path_.push_back(static_cast<uint32_t>(nodes_.size()));
    nodes_.push_back({0, -1, static_cast<uint16_t>(i + 1), static_cast<uint8_t>(bytes[i])});
  }
  nodes_.back().token = token;
}

int32_t TokenTrie::longest_match(std::string_view text, size_t& length) const {
  int32_t best = -1;
  uint32_t past = static_cast<uint32_t>(nodes_.size());
  size_t depth = 0;
  for (uint32_t i = 0; i < past && depth < text.size();) {
    const Node& node = nodes_[i];
    if (node.byte != static_cast<uint8_t>(text[depth])) {
      i = node.past;
      continue;
    }
    ++depth;
    if (node.token >= 0) {
      best = node.token;
      length = depth;
    }
    past = node.past;
    ++i;
  }
  return best;
}

bool TokenTrie::cut(std::string_view text, std::vector<int32_t>& out) const {
  while (!text.empty()) {
    size_t length = 0;
    const int32_t token = longest_match(text, length);
    if (token < 0) return false;
    out.push_back(token);
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace phios
