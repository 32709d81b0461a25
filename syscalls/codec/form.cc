// The small regular expressions in which prompt programs write the frames that they expect.
#include <fmt/core.h>

#include <charconv>

#include "syscalls/codec/frames.h"
#include "syscalls/codec/text.h"
#include "syscalls/codec/words.h"

namespace phios {
namespace {

constexpr int kFormDepthMax = 32;         // parentheses inside parentheses
constexpr uint32_t kFormRepeatMax = 256;  // of {m,n}
constexpr std::string_view kOperators = "[](){}|*+?\\";

class FormParser {
 public:
  FormParser(RegexPool& pool, std::string_view form, std::span<const std::string> labels)
      : pool_(pool), form_(form), labels_(labels) {}

  Result<RegexId> parse() {
    const RegexId root = TRY(alternatives(0));
    if (at_ < form_.size()) return error("a \")\" without its \"(\"");
    return root;
  }

 private:
  std::unexpected<Error> error(std::string_view what) const {
    return fail(ErrorCode::EPARSE_, fmt::format("column {}: {}", at_ + 1, what));
  }
  bool at(char c) const { return at_ < form_.size() && form_[at_] == c; }
  bool take(char c) {
    if (!at(c)) return false;
    ++at_;
    return true;
  }

  Result<RegexId> alternatives(int depth) {
    std::vector<RegexId> parts = {TRY(sequence(depth))};
    while (take('|')) parts.push_back(TRY(sequence(depth)));
    return parts.size() == 1 ? parts[0] : pool_.alternatives(std::move(parts));
  }

  Result<RegexId> sequence(int depth) {
    std::vector<RegexId> parts;
    while (at_ < form_.size() && !at('|') && !at(')')) {
      RegexId part = TRY(atom(depth));
      part = TRY(repeated(part));
      parts.push_back(part);
    }
    return pool_.concat(std::move(parts));
  }

  Result<RegexId> repeated(RegexId part) {
    // One operator at most: what would "a**" mean?
    if (take('*')) return pool_.repeat(part, 0);
    if (take('+')) return pool_.repeat(part, 1);
    if (take('?')) return pool_.optional(part);
    if (at('{') && at_ + 1 < form_.size() && form_[at_ + 1] >= '0' && form_[at_ + 1] <= '9')
      return counted(part);
    return part;
  }

  // {m}, {m,} or {m,n}
  Result<RegexId> counted(RegexId part) {
    ++at_;
    const uint32_t min = TRY(number());
    uint32_t max = min;
    if (take(',')) max = at('}') ? RegexPool::kUnbounded : TRY(number());
    if (!take('}')) return error("\"}\" expected");
    if (max < min) return error("the second count is less than the first");
    return pool_.repeat(part, min, max);
  }

  Result<uint32_t> number() {
    uint32_t value = 0;
    const char* begin = form_.data() + at_;
    const auto [end, status] = std::from_chars(begin, form_.data() + form_.size(), value);
    if (status != std::errc() || value > kFormRepeatMax)
      return error(fmt::format("a count from 0 to {} expected", kFormRepeatMax));
    at_ += static_cast<size_t>(end - begin);
    return value;
  }

  Result<RegexId> atom(int depth) {
    if (take('(')) {
      if (depth == kFormDepthMax) return error("too many \"(\" inside each other");
      const RegexId inner = TRY(alternatives(depth + 1));
      if (!take(')')) return error("\")\" expected");
      return inner;
    }
    if (at('[')) return byte_class();
    if (at('{')) return named();
    if (take('\\')) {
      if (at_ == form_.size() || kOperators.find(form_[at_]) == std::string_view::npos)
        return error("after \"\\\" one of []{}()|*+?\\ expected");
    } else if (kOperators.find(form_[at_]) != std::string_view::npos) {
      return error(fmt::format("\"{}\" has nothing before it; write \"\\{}\" for the character", form_[at_],
                               form_[at_]));
    }
    const size_t n = utf8_sequence(form_, at_);
    if (n == 0) return error("not UTF-8");
    at_ += n;
    return pool_.literal(form_.substr(at_ - n, n));
  }

  Result<RegexId> byte_class() {
    ++at_;
    if (at('^')) return error("a class cannot be negated; list what it admits");
    ByteSet set;
    while (!at(']')) {
      const uint8_t first = TRY(class_byte());
      uint8_t last = first;
      if (at('-') && at_ + 1 < form_.size() && form_[at_ + 1] != ']') {
        ++at_;
        last = TRY(class_byte());
        if (last < first) return error("the range ends before it begins");
      }
      for (unsigned byte = first; byte <= last; ++byte) set.set(byte);
    }
    ++at_;
    if (set.none()) return error("the class is empty");
    return pool_.bytes(set);
  }

  Result<uint8_t> class_byte() {
    if (take('\\') && at_ == form_.size()) return error("\"]\" expected");
    if (at_ == form_.size()) return error("\"]\" expected");
    const auto byte = static_cast<uint8_t>(form_[at_]);
    if (byte < 0x20 || byte > 0x7e) return error("a class holds printable ASCII; write others as (é|ö)");
    ++at_;
    return byte;
  }

  Result<RegexId> named() {
    const size_t close = form_.find('}', at_);
    const std::string_view name =
        close == std::string_view::npos ? std::string_view() : form_.substr(at_ + 1, close - at_ - 1);
    const Result<RegexId> found = find(name);
    if (found) at_ = close + 1;
    return found;
  }

  Result<RegexId> find(std::string_view name) {
    if (name == "word") return pool_.word();
    if (name == "bare") return pool_.bare();
    if (name == "str") return pool_.string();
    if (name == "int") return pool_.integer();
    if (name == "label") {
      if (labels_.empty()) return error("{label}: the program has no labels");
      std::vector<RegexId> words;
      for (const std::string& label : labels_) words.push_back(pool_.literal(label));
      return pool_.alternatives(std::move(words));
    }
    return error(
        "{word}, {bare}, {str}, {int}, {label} or a count expected; write \"\\{\" for the character");
  }

  RegexPool& pool_;
  std::string_view form_;
  std::span<const std::string> labels_;
  size_t at_ = 0;
};

}  // namespace

Result<RegexId> parse_form(RegexPool& pool, std::string_view form, std::span<const std::string> labels) {
  return FormParser(pool, form, labels).parse();
}

}  // namespace phios
