#include "drivers/model/native/tokenizer/word_piece.h"

#include <algorithm>
#include <iterator>

#include "drivers/model/native/tokenizer/fold_table.h"
#include "drivers/model/native/tokenizer/text_codec.h"

namespace phios {
namespace {

constexpr std::string_view kWordMark = "▁";
#define PHI_CJK                                                                                         \
  "\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{20000}-\\x{2a6df}\\x{2a700}-\\x{2ceaf}\\x{f900}-\\x{faff}" \
  "\\x{2f800}-\\x{2fa1f}"
#define PHI_ALONE "\\p{P}$+<=>^`|~" PHI_CJK
constexpr const char* kWords[] = {"[" PHI_ALONE "]|[^" PHI_ALONE "\\p{White_Space}]+"};
// Behind the folding, without marks that stand alone and what is no text.
constexpr const char* kKept[] = {"[^\\p{Mn}\\p{Cc}\\p{Cf}\\p{Co}\\x{fffd}]+"};

// Hangul syllables are laid out by their letters (Unicode 3.12).
constexpr uint32_t kSyllables = 0xac00, kSyllablesEnd = 0xd7a4;
constexpr uint32_t kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11a7;
constexpr uint32_t kVowelCount = 21, kTailCount = 28;

uint32_t decode(std::string_view text, size_t pos, size_t length) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[pos + i]); };
  if (length == 1) return byte(0);
  uint32_t code = byte(0) & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3f);
  return code;
}

void append(uint32_t code, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    tail(12), tail(6), tail(0);
  }
}

void append_folded(uint32_t code, std::string& out) {
  if (code >= kSyllables && code < kSyllablesEnd) {
    const uint32_t index = code - kSyllables;
    append(kLeads + index / (kVowelCount * kTailCount), out);
    append(kVowels + index / kTailCount % kVowelCount, out);
    if (index % kTailCount > 0) append(kTails + index % kTailCount, out);
    return;
  }
  const auto* run = std::ranges::upper_bound(kFoldRuns, code, {}, &FoldRun::first);
  if (run != std::begin(kFoldRuns)) {
    --run;
    if (code <= run->last && (code - run->first) % run->step == 0)
      code = run->target + (code - run->first) * run->slope;
  }
  append(code, out);
}

}  // namespace

std::string WordPieceTokenizer::normalize(std::string_view text) const {
  std::string folded;
  folded.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const size_t length = utf8_length(text, pos);
    const bool line = text[pos] == '\n' || text[pos] == '\r' || text[pos] == '\t';
    if (length > 0) append_folded(line ? ' ' : decode(text, pos, length), folded);
    pos += std::max<size_t>(length, 1);
  }
  std::vector<std::string_view> kept;
  kept_.find(folded, kept);
  std::string out;
  for (const std::string_view piece : kept) out += piece;
  return out;
}

WordPieceTokenizer::WordPieceTokenizer(const VocabData& vocab, const std::vector<std::string>& decoded,
                                       Pretokenizer kept, Pretokenizer words)
    : VocabTokenizer(vocab, decoded, true),
      kept_(std::move(kept)),
      words_(std::move(words)),
      unknown_word_(static_cast<Token>(vocab.unknown)) {
  tokens_.reserve(size());
  for (Token token = 0; token < static_cast<Token>(size()); ++token) {
    if (type(token) != TokenType::kNormal) continue;
    tokens_.try_emplace(bytes(token), token);
    longest_ = std::max(longest_, bytes(token).size());
  }
}

Result<std::unique_ptr<Tokenizer>> WordPieceTokenizer::make(const VocabData& vocab) {
  if (vocab.unknown < 0)
    return fail(ErrorCode::EPARSE_, "tokenizer.ggml.unknown_token_id: missing; WordPiece needs it");
  std::vector<std::string> decoded;
  decoded.reserve(vocab.tokens.size());
  for (const std::string& text : vocab.tokens)
    decoded.push_back(text.starts_with(kWordMark) ? " " + text.substr(kWordMark.size()) : text);
  Pretokenizer kept = TRY(Pretokenizer::compile(kKept)), words = TRY(Pretokenizer::compile(kWords));
  return std::unique_ptr<Tokenizer>(
      new WordPieceTokenizer(vocab, decoded, std::move(kept), std::move(words)));
}

void WordPieceTokenizer::encode_word(std::string_view word, std::vector<Token>& out) const {
  const size_t before = out.size();
  for (size_t at = 0; at < word.size();) {
    size_t length = std::min(word.size() - at, longest_);
    auto found = tokens_.end();
    for (; length > 0 && found == tokens_.end(); --length) found = tokens_.find(word.substr(at, length));
    if (found == tokens_.end()) {
      out.resize(before);
      out.push_back(unknown_word_);
      return;
    }
    out.push_back(found->second);
    at += found->first.size();
  }
}

void WordPieceTokenizer::encode_plain(std::string_view text, bool, std::vector<Token>& out) const {
  const std::string plain = normalize(text);
  std::vector<std::string_view> words;
  words_.find(plain, words);
  std::string word;
  for (const std::string_view piece : words) {
    word.assign(" ").append(piece);
    encode_word(word, out);
  }
}

}  // namespace phios
