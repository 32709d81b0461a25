#include "drivers/model/native/tokenizer/bpe.h"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/model/native/tokenizer/text_codec.h"

namespace phios {
namespace {

constexpr uint32_t kNone = ~uint32_t{0};

std::vector<std::string> decode_tokens(const VocabData& vocab) {
  std::vector<std::string> decoded;
  decoded.reserve(vocab.tokens.size());
  for (size_t i = 0; i < vocab.tokens.size(); ++i) {
    const std::string& text = vocab.tokens[i];
    const std::optional<uint8_t> byte = parse_byte_token(text);
    const TokenType type = token_type(vocab, i);
    if (type == TokenType::kByte && byte) {
      decoded.emplace_back(1, static_cast<char>(*byte));
    } else if (type == TokenType::kUserDefined) {
      decoded.push_back(text);
    } else {
      decoded.push_back(
          byte_level_decode(text).value_or(text));  // added tokens are spelled plainly in some files
    }
  }
  return decoded;
}

}  // namespace

// The merging of one piece after another: symbols in a list linked by index, and a heap of the pairs that
// could be joined. Entries whose pair has changed since are skipped when they come up.
class BpeTokenizer::Merger {
 public:
  explicit Merger(const PairTable& merges) : merges_(merges) {}

  template <class Emit>
  void run(std::string_view piece, const std::array<Symbol, 256>& of_byte, Emit emit) {
    nodes_.clear();
    heap_.clear();
    const auto n = static_cast<uint32_t>(piece.size());
    for (uint32_t i = 0; i < n; ++i)
      nodes_.push_back({of_byte[static_cast<unsigned char>(piece[i])], i - 1, i + 1 < n ? i + 1 : kNone});
    for (uint32_t i = 0; i + 1 < n; ++i) offer(i);
    std::make_heap(heap_.begin(), heap_.end());
    while (!heap_.empty()) join_first();
    for (uint32_t i = 0; i != kNone; i = nodes_[i].next) emit(nodes_[i].symbol);
  }

 private:
  struct Node {
    Symbol symbol;  // kNone: joined to the one on its left
    uint32_t prev;  // kNone: the first
    uint32_t next;  // kNone: the last
  };
  struct Candidate {
    uint32_t rank;
    uint32_t at;  // the left node
    Symbol left;
    Symbol right;
    Symbol result;
    bool operator<(const Candidate& other) const {  // the heap's top is the lowest rank, then the leftmost
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  bool offer(uint32_t at) {
    const Symbol left = nodes_[at].symbol;
    const Symbol right = nodes_[nodes_[at].next].symbol;
    const PairTable::Merge* merge = merges_.find(left, right);
    if (merge) heap_.push_back({merge->rank, at, left, right, merge->result});
    return merge != nullptr;
  }

  void join_first() {
    std::pop_heap(heap_.begin(), heap_.end());
    const Candidate best = heap_.back();
    heap_.pop_back();
    Node& left = nodes_[best.at];
    if (left.symbol != best.left || left.next == kNone || nodes_[left.next].symbol != best.right) return;
    Node& right = nodes_[left.next];
    left.symbol = best.result;
    right.symbol = kNone;
    left.next = right.next;
    if (left.next != kNone) {
      nodes_[left.next].prev = best.at;
      if (offer(best.at)) std::push_heap(heap_.begin(), heap_.end());
    }
    if (left.prev != kNone && offer(left.prev)) std::push_heap(heap_.begin(), heap_.end());
  }

  const PairTable& merges_;
  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
};

BpeTokenizer::BpeTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded,
                           Pretokenizer pretokenizer)
    : VocabTokenizer(vocab, decoded, pretokenizer.adds_bos()),
      pretokenizer_(std::move(pretokenizer)),
      merges_(vocab.merges.size()) {}

Result<std::unique_ptr<Tokenizer>> BpeTokenizer::make(const VocabData& vocab) {
  Pretokenizer pretokenizer = TRY(Pretokenizer::make(vocab.pre));
  std::unique_ptr<BpeTokenizer> made(new BpeTokenizer(vocab, decode_tokens(vocab), std::move(pretokenizer)));
  made->name_symbols(vocab);
  for (size_t i = 0; i < vocab.merges.size(); ++i)
    TRY(made->read_merge(vocab.merges[i], static_cast<uint32_t>(i)));
  return made;
}

// A token that is spelled plainly has the bytes of another at times, and no merge ever makes it.
void BpeTokenizer::name_symbols(const VocabData& vocab) {
  symbols_.reserve(size());
  for (Symbol token = 0; token < size(); ++token) {
    const TokenType kind = type(static_cast<Token>(token));
    const bool spelled =
        kind == TokenType::kNormal && byte_level_decode(vocab.tokens[static_cast<size_t>(token)]);
    if (spelled || kind == TokenType::kByte)
      symbols_.try_emplace(std::string(bytes(static_cast<Token>(token))), token);
  }
  for (size_t byte = 0; byte < of_byte_.size(); ++byte)
    of_byte_[byte] = intern(std::string(1, static_cast<char>(byte)));
}

BpeTokenizer::Symbol BpeTokenizer::intern(std::string bytes) {
  const auto [entry, is_new] = symbols_.try_emplace(bytes, static_cast<Symbol>(size() + extra_.size()));
  if (is_new) extra_.push_back(std::move(bytes));
  return entry->second;
}

Status BpeTokenizer::read_merge(const std::string& merge, uint32_t rank) {
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::EPARSE_,
                fmt::format("tokenizer.ggml.merges[{}]: \"{}\" {}", rank, printable(merge), what));
  };
  const size_t space = merge.find(' ');
  if (space == std::string::npos || space == 0 || space + 1 == merge.size())
    return bad("is not two tokens with a space between");
  const std::optional<std::string> left = byte_level_decode(std::string_view(merge).substr(0, space));
  const std::optional<std::string> right = byte_level_decode(std::string_view(merge).substr(space + 1));
  if (!left || !right) return bad("has a character that spells no byte");
  const auto left_symbol = symbols_.find(*left);
  const auto right_symbol = symbols_.find(*right);
  if (left_symbol == symbols_.end() || right_symbol == symbols_.end())
    return bad("joins what is neither a token nor made by an earlier merge");
  const Symbol left_id = left_symbol->second;  // intern() may move the entries
  const Symbol right_id = right_symbol->second;
  merges_.insert(left_id, right_id, {rank, intern(*left + *right)});
  return {};
}

void BpeTokenizer::emit(Symbol symbol, std::vector<Token>& out) const {
  if (symbol < size()) {
    out.push_back(static_cast<Token>(symbol));
    return;
  }
  for (const char c : extra_[symbol - size()]) {
    const Symbol byte = of_byte_[static_cast<unsigned char>(c)];
    const Token token = byte < size() ? static_cast<Token>(byte) : unknown();
    if (token >= 0) out.push_back(token);
  }
}

void BpeTokenizer::encode_plain(std::string_view text, bool, std::vector<Token>& out) const {
  std::vector<std::string_view> pieces;
  pretokenizer_.split(text, pieces);
  Merger merger(merges_);
  std::string word;
  for (const std::string_view piece : pieces) {
    if (pretokenizer_.whole_words_first() && piece.size() > 1) {
      word.assign(piece);
      const auto whole = symbols_.find(word);
      if (whole != symbols_.end() && whole->second < size()) {
        out.push_back(static_cast<Token>(whole->second));
        continue;
      }
    }
    merger.run(piece, of_byte_, [&](Symbol symbol) { emit(symbol, out); });
  }
}

}  // namespace phios
