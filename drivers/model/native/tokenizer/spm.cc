#include "drivers/model/native/tokenizer/spm.h"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/model/native/tokenizer/text_codec.h"

namespace phios {
namespace {

constexpr uint32_t kNone = ~uint32_t{0};
constexpr std::string_view kSpaceMark = "▁";

std::string unescape(std::string_view text) {
  std::string out;
  size_t mark = 0;
  while ((mark = text.find(kSpaceMark)) != std::string_view::npos) {
    out.append(text.substr(0, mark));
    out += ' ';
    text.remove_prefix(mark + kSpaceMark.size());
  }
  return out.append(text);
}

Result<std::vector<std::string>> decode_tokens(const VocabData& vocab) {
  std::vector<std::string> decoded;
  decoded.reserve(vocab.tokens.size());
  for (size_t i = 0; i < vocab.tokens.size(); ++i) {
    if (token_type(vocab, i) != TokenType::kByte) {
      decoded.push_back(unescape(vocab.tokens[i]));
      continue;
    }
    const std::optional<uint8_t> byte = parse_byte_token(vocab.tokens[i]);
    if (!byte)
      return fail(ErrorCode::EPARSE_,
                  fmt::format("tokenizer.ggml.tokens[{}]: \"{}\" is a byte token but not <0xNN>", i,
                              printable(vocab.tokens[i])));
    decoded.emplace_back(1, static_cast<char>(*byte));
  }
  return decoded;
}

}  // namespace

class SpmTokenizer::Merger {
 public:
  Merger(const SpmTokenizer& owner, std::string_view text) : owner_(owner), text_(text) {}

  void run(std::vector<Token>& out) {
    read_characters();
    for (uint32_t i = 0; i + 1 < nodes_.size(); ++i) offer(i);
    std::make_heap(heap_.begin(), heap_.end());
    while (!heap_.empty()) join_first();
    for (uint32_t i = 0; i < nodes_.size() && i != kNone; i = nodes_[i].next)
      owner_.emit(nodes_[i].token, text_.substr(nodes_[i].start, nodes_[i].length), out);
  }

 private:
  struct Node {
    uint32_t start;
    uint32_t length;  // 0: joined to the one on its left
    uint32_t prev;    // kNone: the first
    uint32_t next;    // kNone: the last
    Token token;      // -1: none spells it
  };
  struct Candidate {
    float score;
    uint32_t at;      // the left node
    uint32_t length;  // of both, which tells whether either has changed since
    Token token;
    bool operator<(const Candidate& other) const {  // the heap's top is the highest score, then the leftmost
      return score != other.score ? score < other.score : at > other.at;
    }
  };

  void read_characters() {
    nodes_.reserve(text_.size());
    for (size_t pos = 0; pos < text_.size();) {
      const size_t length = std::max<size_t>(utf8_length(text_, pos), 1);
      const auto i = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({static_cast<uint32_t>(pos), static_cast<uint32_t>(length), i - 1,
                        pos + length < text_.size() ? i + 1 : kNone, owner_.find(text_.substr(pos, length))});
      pos += length;
    }
  }

  bool offer(uint32_t at) {
    const Node& left = nodes_[at];
    const uint32_t length = left.length + nodes_[left.next].length;
    const Token token = owner_.find(text_.substr(left.start, length));
    if (token < 0) return false;
    heap_.push_back({owner_.scores_[static_cast<size_t>(token)], at, length, token});
    return true;
  }

  void join_first() {
    std::pop_heap(heap_.begin(), heap_.end());
    const Candidate best = heap_.back();
    heap_.pop_back();
    Node& left = nodes_[best.at];
    if (left.length == 0 || left.next == kNone || left.length + nodes_[left.next].length != best.length)
      return;
    nodes_[left.next].length = 0;
    left.length = best.length;
    left.token = best.token;
    left.next = nodes_[left.next].next;
    if (left.next != kNone) {
      nodes_[left.next].prev = best.at;
      if (offer(best.at)) std::push_heap(heap_.begin(), heap_.end());
    }
    if (left.prev != kNone && offer(left.prev)) std::push_heap(heap_.begin(), heap_.end());
  }

  const SpmTokenizer& owner_;
  std::string_view text_;
  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
};

SpmTokenizer::SpmTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded)
    : VocabTokenizer(vocab, decoded, true),
      scores_(vocab.scores),
      space_prefix_(vocab.add_space_prefix.value_or(true)) {
  of_byte_.fill(-1);
  tokens_.reserve(size());
  for (Token token = 0; token < static_cast<Token>(size()); ++token) {
    const std::string_view text = bytes(token);
    if (type(token) == TokenType::kByte) {
      of_byte_[static_cast<unsigned char>(text[0])] = token;
    } else if (type(token) == TokenType::kNormal) {
      tokens_.try_emplace(text, token);
      longest_ = std::max(longest_, text.size());
    }
  }
}

Result<std::unique_ptr<Tokenizer>> SpmTokenizer::make(const VocabData& vocab) {
  if (vocab.scores.empty())
    return fail(ErrorCode::EPARSE_,
                "tokenizer.ggml.scores: missing; a SentencePiece vocabulary merges by them");
  const std::vector<std::string> decoded = TRY(decode_tokens(vocab));
  return std::unique_ptr<Tokenizer>(new SpmTokenizer(vocab, decoded));
}

Token SpmTokenizer::find(std::string_view text) const {
  if (text.size() > longest_) return -1;
  const auto entry = tokens_.find(text);
  return entry == tokens_.end() ? -1 : entry->second;
}

void SpmTokenizer::emit(Token token, std::string_view text, std::vector<Token>& out) const {
  if (token >= 0) {
    out.push_back(token);
    return;
  }
  for (const char c : text) {
    const Token byte = of_byte_[static_cast<unsigned char>(c)];
    if (byte >= 0) {
      out.push_back(byte);
    } else if (unknown() >= 0) {
      out.push_back(unknown());
    }
  }
}

void SpmTokenizer::encode_plain(std::string_view text, bool first, std::vector<Token>& out) const {
  if (first && space_prefix_) {
    const std::string prefixed = " " + std::string(text);
    Merger(*this, prefixed).run(out);
  } else {
    Merger(*this, text).run(out);
  }
}

}  // namespace phios
