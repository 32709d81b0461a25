#include "drivers/model/native/tokenizer/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <functional>

#include "drivers/model/native/tokenizer/text_codec.h"

namespace phios {
namespace {

// What the pre-tokenizers' authors mean by \s is White_Space; PCRE2's own \s has one character more.
#define PHI_SPACE "\\p{White_Space}"
constexpr const char* kGpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" PHI_SPACE
                              "\\p{L}\\p{N}]+|" PHI_SPACE "+(?=" PHI_SPACE "|\\z)|" PHI_SPACE "+";
#define PHI_LLAMA3_HEAD "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define PHI_LLAMA3_TAIL                                                                           \
  "| ?[^" PHI_SPACE "\\p{L}\\p{N}]+[\\r\\n]*|" PHI_SPACE "*[\\r\\n]+|" PHI_SPACE "+(?=" PHI_SPACE \
  "|\\z)|" PHI_SPACE "+"
constexpr const char* kLlama3 = PHI_LLAMA3_HEAD "\\p{N}{1,3}" PHI_LLAMA3_TAIL;
constexpr const char* kQwen2 = PHI_LLAMA3_HEAD "\\p{N}" PHI_LLAMA3_TAIL;
constexpr const char* kDigit = "\\p{N}";
constexpr const char* kFalconPunctuation = "[\\p{P}$+<=>^~|`]+";
constexpr const char* kPunctuation = "[\\p{P}$+<=>^~|]+";
constexpr const char* kThreeDigits = "[0-9][0-9][0-9]";
constexpr const char* kNumber = "\\p{N}+";
constexpr const char* kShortNumber = "\\p{N}{1,3}";
constexpr const char* kLineEnd = "[\\r\\n]";
constexpr const char* kLastSpaces = PHI_SPACE "+\\z";
constexpr const char* kSpacedLetters = PHI_SPACE "?\\p{L}+";
constexpr const char* kSpacedPunctuation = PHI_SPACE "?\\p{P}+";
constexpr const char* kSpacedMarks =
    PHI_SPACE "?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+";
constexpr const char* kEastAsian = "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+";
constexpr const char* kHanAndKana = "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}]+";
constexpr const char* kBloom =
    " ?[^(" PHI_SPACE "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+";
constexpr const char* kDeepSeek3 =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
    "?[\\p{P}\\p{S}]+[\\r\\n]*|" PHI_SPACE "*[\\r\\n]+|" PHI_SPACE "+(?=" PHI_SPACE "|\\z)|" PHI_SPACE "+";
// Words that begin with capitals, then words that end with small letters; `suffix` may end either.
#define PHI_CASED(suffix)                                                                            \
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" suffix \
  "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" suffix "|"
#define PHI_CASED_TAIL                                                                             \
  "| ?[^" PHI_SPACE "\\p{L}\\p{N}]+[\\r\\n/]*|" PHI_SPACE "*[\\r\\n]+|" PHI_SPACE "+(?=" PHI_SPACE \
  "|\\z)|" PHI_SPACE "+"
constexpr const char* kTekken = PHI_CASED("") "\\p{N}" PHI_CASED_TAIL;
constexpr const char* kGpt4o =
    PHI_CASED("(?:'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL]))?") "\\p{N}{1,3}" PHI_CASED_TAIL;
// The cased letters of Unicode as deepseek-llm lists them.
constexpr const char* kSpacedCasedLetters = PHI_SPACE
    "?["
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}"
    "\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}"
    "\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}"
    "\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"
    "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}"
    "\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}"
    "\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}"
    "\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}"
    "\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}"
    "\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}"
    "\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}"
    "\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}"
    "\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}"
    "\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}"
    "\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}"
    "\\x{1e900}-\\x{1e943}"
    "]+";

constexpr size_t kExpressionsMax = 6;
struct Known {
  std::string_view name;
  std::array<const char*, kExpressionsMax> expressions;
  bool llama3_manners = false;
};
constexpr Known kKnown[] = {
    {"gpt-2", {kGpt2}},
    {"llama-bpe", {kLlama3}, true},
    {"qwen2", {kQwen2}},
    {"starcoder", {kDigit, kGpt2}},
    {"falcon", {kFalconPunctuation, kGpt2, kThreeDigits}},
    {"deepseek-llm", {kLineEnd, kSpacedCasedLetters, kSpacedMarks, kLastSpaces, kEastAsian, kNumber}},
    {"deepseek-coder", {kLineEnd, kSpacedLetters, kSpacedPunctuation, kEastAsian, kDigit}},
    {"deepseek-v3", {kShortNumber, kHanAndKana, kDeepSeek3}},
    {"tekken", {kTekken}, true},
    {"gpt-4o", {kGpt4o}},
    {"bloom", {kBloom}},
    {"viking", {kBloom, kDigit}},
    {"default", {kPunctuation, kGpt2, kNumber, kThreeDigits}},
    // Other names under which model files carry the same rules.
    {"mpt", {kGpt2}},
    {"olmo", {kGpt2}},
    {"phi-2", {kGpt2}},
    {"jais", {kGpt2}},
    {"roberta-bpe", {kGpt2}},
    {"llama3", {kLlama3}, true},
    {"llama-v3", {kLlama3}, true},
    {"falcon3", {kLlama3}, true},
    {"dbrx", {kLlama3}},
    {"smaug-bpe", {kLlama3}},
    {"chatglm-bpe", {kLlama3}},
    {"deepseek-r1-qwen", {kQwen2}},
    {"stablelm2", {kQwen2}},
    {"smollm", {kDigit, kGpt2}},
    {"refact", {kDigit, kGpt2}},
    {"command-r", {kDigit, kGpt2}},
    {"codeshell", {kDigit, kGpt2}},
    {"exaone", {kDigit, kGpt2}},
    {"minerva-7b", {kDigit, kGpt2}},
    {"llama4", {kGpt4o}},
    {"poro-chat", {kBloom}},
    {"gpt3-finnish", {kBloom}},
};

struct MatchDataFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextFree {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct JitStackFree {
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

// What one thread needs for matching. Compiled matchers would else take 32 KiB of the caller's stack, which
// may be a fiber's.
class Scratch {
 public:
  static constexpr size_t kJitStackStart = 32 * 1024;
  static constexpr size_t kJitStackMax = 1024 * 1024;

  Scratch()
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack_(pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr)) {
    if (context && stack_) pcre2_jit_stack_assign(context.get(), nullptr, stack_.get());
  }

  std::unique_ptr<pcre2_match_data, MatchDataFree> data;
  std::unique_ptr<pcre2_match_context, MatchContextFree> context;

 private:
  std::unique_ptr<pcre2_jit_stack, JitStackFree> stack_;
};

Scratch& scratch() {
  thread_local Scratch of_this_thread;
  return of_this_thread;
}

}  // namespace

struct Pretokenizer::Expression {
  pcre2_code* code = nullptr;

  Expression() = default;
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;
  ~Expression() { pcre2_code_free(code); }

  Status compile(const char* pattern) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                         &error, &offset, nullptr);
    if (!code)
      return fail(ErrorCode::EIO_,
                  fmt::format("pre-tokenizer: PCRE2 error {} at {} of {}", error, offset, pattern));
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where it is forbidden the interpreter does the same work
    return {};
  }
};

Pretokenizer::Pretokenizer() = default;
Pretokenizer::Pretokenizer(Pretokenizer&&) noexcept = default;
Pretokenizer& Pretokenizer::operator=(Pretokenizer&&) noexcept = default;
Pretokenizer::~Pretokenizer() = default;

Result<Pretokenizer> Pretokenizer::compile(std::span<const char* const> patterns) {
  Pretokenizer made;
  for (const char* pattern : patterns) {
    auto expression = std::make_unique<Expression>();
    TRY(expression->compile(pattern));
    made.expressions_.push_back(std::move(expression));
  }
  return made;
}

Result<Pretokenizer> Pretokenizer::make(std::string_view name) {
  std::string names;
  for (const Known& known : kKnown) {
    names += names.empty() ? "" : ", ";
    names += known.name;
    if (known.name != name) continue;
    const size_t n = static_cast<size_t>(std::ranges::count_if(known.expressions, std::identity()));
    Pretokenizer made = TRY(compile(std::span(known.expressions).first(n)));
    made.whole_words_first_ = made.adds_bos_ = known.llama3_manners;
    return made;
  }
  return fail(ErrorCode::EINVAL_,
              fmt::format("tokenizer.ggml.pre: no pre-tokenizer \"{}\"; known are {}", name, names));
}

std::string_view Pretokenizer::match(size_t expression, std::string_view text, size_t from) const {
  Scratch& use = scratch();
  if (!use.data || from >= text.size()) return {};
  const int found =
      pcre2_match(expressions_[expression]->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                  from, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, use.data.get(), use.context.get());
  if (found < 0) return {};  // no more, or past PCRE2's limits: the rest stays one piece
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(use.data.get());
  return text.substr(range[0], range[1] - range[0]);
}

void Pretokenizer::split_by(size_t expression, std::string_view text,
                            std::vector<std::string_view>& pieces) const {
  if (expression == expressions_.size()) {
    if (!text.empty()) pieces.push_back(text);
    return;
  }
  size_t done = 0;
  for (std::string_view piece; !(piece = match(expression, text, done)).empty();) {
    const auto start = static_cast<size_t>(piece.data() - text.data());
    split_by(expression + 1, text.substr(done, start - done), pieces);
    split_by(expression + 1, piece, pieces);
    done = start + piece.size();
  }
  split_by(expression + 1, text.substr(done), pieces);
}

void Pretokenizer::find(std::string_view text, std::vector<std::string_view>& matches) const {
  size_t done = 0;
  for (std::string_view piece; !(piece = match(0, text, done)).empty(); matches.push_back(piece))
    done = static_cast<size_t>(piece.data() - text.data()) + piece.size();
}

void Pretokenizer::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  while (!text.empty()) {
    const size_t valid = utf8_valid_prefix(text);
    if (valid > 0) split_by(0, text.substr(0, valid), pieces);
    if (valid == text.size()) return;
    pieces.push_back(text.substr(valid, 1));  // a stray byte stands alone
    text.remove_prefix(valid + 1);
  }
}

}  // namespace phios
