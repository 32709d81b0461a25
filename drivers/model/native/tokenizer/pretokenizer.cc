#include "drivers/model/native/tokenizer/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <array>

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
constexpr const char* kThreeDigits = "[0-9][0-9][0-9]";

struct Known {
  std::string_view name;
  std::array<const char*, 3> expressions;
  bool llama3_manners = false;
};
constexpr Known kKnown[] = {
    {"gpt-2", {kGpt2}},
    {"llama-bpe", {kLlama3}, true},
    {"qwen2", {kQwen2}},
    {"starcoder", {kDigit, kGpt2}},
    {"falcon", {kFalconPunctuation, kGpt2, kThreeDigits}},
    // Other names under which model files carry the same rules.
    {"llama3", {kLlama3}, true},
    {"llama-v3", {kLlama3}, true},
    {"deepseek-r1-qwen", {kQwen2}},
    {"smollm", {kDigit, kGpt2}},
    {"refact", {kDigit, kGpt2}},
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

Result<Pretokenizer> Pretokenizer::make(std::string_view name) {
  std::string names;
  for (const Known& known : kKnown) {
    names += names.empty() ? "" : ", ";
    names += known.name;
    if (known.name != name) continue;
    Pretokenizer made;
    made.whole_words_first_ = made.adds_bos_ = known.llama3_manners;
    for (const char* pattern : known.expressions) {
      if (!pattern) break;
      auto expression = std::make_unique<Expression>();
      TRY(expression->compile(pattern));
      made.expressions_.push_back(std::move(expression));
    }
    return made;
  }
  return fail(ErrorCode::EINVAL_,
              fmt::format("tokenizer.ggml.pre: no pre-tokenizer \"{}\"; known are {}", name, names));
}

void Pretokenizer::split_by(size_t expression, std::string_view text,
                            std::vector<std::string_view>& pieces) const {
  if (expression == expressions_.size()) {
    if (!text.empty()) pieces.push_back(text);
    return;
  }
  Scratch& use = scratch();
  size_t done = 0;
  while (use.data && done < text.size()) {
    const int found =
        pcre2_match(expressions_[expression]->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                    done, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, use.data.get(), use.context.get());
    if (found < 0) break;  // no more, or past PCRE2's limits: the rest stays one piece
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(use.data.get());
    const std::string_view before = text.substr(done, range[0] - done);
    const std::string_view piece = text.substr(range[0], range[1] - range[0]);
    done = range[1];
    split_by(expression + 1, before, pieces);  // reuses the scratch, and so `range`
    split_by(expression + 1, piece, pieces);
  }
  split_by(expression + 1, text.substr(done), pieces);
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
