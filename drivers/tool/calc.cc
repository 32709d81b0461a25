#include "drivers/tool/calc.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "drivers/tool/calc_number.h"
#include "fmt/format.h"

namespace phios::calc {

namespace {

constexpr size_t kDepthMax = 100;         // of parentheses, signs and powers within each other
constexpr size_t kExponentDigitsMax = 6;  // of 1e6

using Value = Result<mpq_class>;
using Values = std::vector<mpq_class>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Function {
  std::string_view name;
  size_t least;  // arguments
  size_t most;
  Value (*apply)(Arithmetic&, const Values&);
};

constexpr size_t kAny = SIZE_MAX;

template <Value (Arithmetic::*op)(const mpq_class&, const mpq_class&)>
Value fold(Arithmetic& a, const Values& v) {
  mpq_class out = v[0];
  for (size_t i = 1; i < v.size(); ++i) out = TRY((a.*op)(out, v[i]));
  // One argument alone goes through the operation too, which checks it.
  return v.size() == 1 && op != &Arithmetic::add ? (a.*op)(out, out) : Value(out);
}

const std::array<Function, 11> kFunctions = {{
    {"abs", 1, 1, [](Arithmetic&, const Values& v) -> Value { return mpq_class(abs(v[0])); }},
    {"ceil", 1, 1, [](Arithmetic&, const Values& v) -> Value { return ceil(v[0]); }},
    {"floor", 1, 1, [](Arithmetic&, const Values& v) -> Value { return floor(v[0]); }},
    {"gcd", 1, kAny, fold<&Arithmetic::gcd>},
    {"lcm", 1, kAny, fold<&Arithmetic::lcm>},
    {"max", 1, kAny, [](Arithmetic&, const Values& v) -> Value { return *std::ranges::max_element(v); }},
    {"min", 1, kAny, [](Arithmetic&, const Values& v) -> Value { return *std::ranges::min_element(v); }},
    {"round", 1, 2,
     [](Arithmetic& a, const Values& v) { return a.round(v[0], v.size() > 1 ? v[1] : mpq_class(0)); }},
    {"sqrt", 1, 1, [](Arithmetic& a, const Values& v) { return a.root(v[0]); }},
    {"sum", 1, kAny, fold<&Arithmetic::add>},
    {"trunc", 1, 1,
     [](Arithmetic&, const Values& v) -> Value { return v[0] < 0 ? ceil(v[0]) : floor(v[0]); }},
}};

enum class Compare { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };

bool holds(Compare how, const mpq_class& a, const mpq_class& b) {
  switch (how) {
    case Compare::kLess:
      return a < b;
    case Compare::kLessEqual:
      return a <= b;
    case Compare::kGreater:
      return a > b;
    case Compare::kGreaterEqual:
      return a >= b;
    case Compare::kEqual:
      return a == b;
    case Compare::kNotEqual:
      return a != b;
  }
  return false;
}

// Precedence climbing, one function a level: comparison < sum < product < sign < power < percent.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::string> run();

 private:
  Value sum();
  Value product();
  Value sign();
  Value power();
  Value percent();
  Value primary();
  Value number();
  Value call(std::string_view name, size_t begin);
  Result<Values> arguments();
  std::optional<Compare> comparison();
  size_t thousands(size_t from) const;

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  bool sees(std::string_view token) {
    skip_spaces();
    return text_.substr(at_).starts_with(token);
  }
  bool accept(std::string_view token) {
    if (!sees(token)) return false;
    at_ += token.size();
    return true;
  }
  bool operand_follows(size_t from) const;
  std::unexpected<Error> error(std::string_view what, size_t at, ErrorCode code = ErrorCode::EPARSE_) const {
    return fail(code, fmt::format("column {}: {}", at + 1, what));
  }
  // The same error with the column of the operation that it came from.
  Value at(size_t column, Value value) const {
    if (value) return value;
    return error(value.error().message, column, value.error().code);
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t depth_ = 0;
  size_t calls_ = 0;  // parentheses of functions that we are in: there a comma parts arguments
  Arithmetic arithmetic_;
};

Result<std::string> Parser::run() {
  const mpq_class left = TRY(sum());
  const auto how = comparison();
  if (!how) {
    if (at_ != text_.size()) return error("an operator or the end expected", at_);
    return print(left);
  }
  const mpq_class right = TRY(sum());
  skip_spaces();
  if (at_ != text_.size()) return error("an operator or the end expected: one comparison, no more", at_);
  return holds(*how, left, right) ? "true" : "false";
}

std::optional<Compare> Parser::comparison() {
  static constexpr std::pair<std::string_view, Compare> kSigns[] = {
      {"<=", Compare::kLessEqual}, {">=", Compare::kGreaterEqual}, {"==", Compare::kEqual},
      {"!=", Compare::kNotEqual},  {"≤", Compare::kLessEqual},     {"≥", Compare::kGreaterEqual},
      {"≠", Compare::kNotEqual},   {"<", Compare::kLess},          {">", Compare::kGreater},
      {"=", Compare::kEqual}};
  for (const auto& [sign, how] : kSigns) {
    if (accept(sign)) return how;
  }
  return std::nullopt;
}

Value Parser::sum() {
  mpq_class left = TRY(product());
  for (;;) {
    skip_spaces();
    const size_t here = at_;
    if (accept("+")) {
      left = TRY(at(here, arithmetic_.add(left, TRY(product()))));
    } else if (accept("-") || accept("−") || accept("–")) {
      left = TRY(at(here, arithmetic_.subtract(left, TRY(product()))));
    } else {
      return left;
    }
  }
}

Value Parser::product() {
  mpq_class left = TRY(sign());
  for (;;) {
    skip_spaces();
    const size_t here = at_;
    if (accept("//")) {
      left = TRY(at(here, arithmetic_.floor_divide(left, TRY(sign()))));
    } else if (accept("/") || accept("÷")) {
      left = TRY(at(here, arithmetic_.divide(left, TRY(sign()))));
    } else if (accept("*") || accept("×") || accept("·")) {
      left = TRY(at(here, arithmetic_.multiply(left, TRY(sign()))));
    } else if (accept("%")) {
      left = TRY(at(here, arithmetic_.modulo(left, TRY(sign()))));
    } else {
      return left;
    }
  }
}

Value Parser::sign() {
  skip_spaces();
  if (++depth_ > kDepthMax) return error("nested too deeply", at_);
  Value value = [&]() -> Value {
    if (accept("-") || accept("−")) return mpq_class(-TRY(sign()));
    if (accept("+")) return sign();
    return power();
  }();
  --depth_;
  return value;
}

// Binds tighter than a sign before it and looser than one after it: -2^2 = -4, 2^-1 = 0.5.
Value Parser::power() {
  mpq_class base = TRY(percent());
  skip_spaces();
  const size_t here = at_;
  if (!accept("^") && !accept("**")) return base;
  return at(here, arithmetic_.power(base, TRY(sign())));
}

bool Parser::operand_follows(size_t from) const {
  while (from < text_.size() && text_[from] == ' ') ++from;
  if (from == text_.size()) return false;
  const char c = text_[from];
  return is_digit(c) || is_letter(c) || c == '.' || c == '(' || c == '$';
}

// "50%" is a half where no operand follows; "7 % 3" is a remainder.
Value Parser::percent() {
  mpq_class value = TRY(primary());
  while (sees("%") && !operand_follows(at_ + 1)) {
    const size_t here = at_++;
    value = TRY(at(here, arithmetic_.divide(value, 100)));
  }
  return value;
}

Value Parser::primary() {
  skip_spaces();
  const size_t begin = at_;
  if (accept("(")) {
    mpq_class value = TRY(sum());
    if (!accept(")")) return error("')' expected", at_);
    return value;
  }
  accept("$");
  skip_spaces();
  if (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) return number();
  size_t end = begin;
  while (end < text_.size() && is_letter(text_[end])) ++end;
  if (end == begin) return error("a number, '(' or a function expected", at_);
  at_ = end;
  return call(text_.substr(begin, end - begin), begin);
}

// The end of a group ",ddd" of a number with thousands commas, or `from` when there is none there.
size_t Parser::thousands(size_t from) const {
  const std::string_view rest = text_.substr(from);
  const bool group = rest.size() >= 4 && rest[0] == ',' && is_digit(rest[1]) && is_digit(rest[2]) &&
                     is_digit(rest[3]) && (rest.size() == 4 || !is_digit(rest[4]));
  return group ? from + 4 : from;
}

Value Parser::number() {
  const size_t begin = at_;
  std::string digits;
  const auto take_digits = [&] {
    while (at_ < text_.size() && is_digit(text_[at_])) digits += text_[at_++];
  };
  take_digits();
  constexpr size_t kFirstGroupMax = 3;
  if (calls_ == 0 && at_ - begin <= kFirstGroupMax && at_ > begin) {
    for (size_t end = thousands(at_); end != at_; end = thousands(at_)) {
      digits.append(text_.substr(at_ + 1, 3));
      at_ = end;
    }
  }
  if (at_ < text_.size() && text_[at_] == '.') {
    digits += text_[at_++];
    take_digits();
  }
  if (digits == ".") return error("a digit expected", at_);
  long exponent = 0;
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    size_t i = at_ + 1;
    const bool minus = i < text_.size() && text_[i] == '-';
    if (i < text_.size() && (text_[i] == '-' || text_[i] == '+')) ++i;
    const size_t first = i;
    for (; i < text_.size() && is_digit(text_[i]); ++i) {
      if (i - first < kExponentDigitsMax) exponent = exponent * 10 + (text_[i] - '0');
    }
    if (i == first) return error("the digits of an exponent expected", i);
    if (i - first > kExponentDigitsMax) return error("the exponent is too large", at_, ErrorCode::ETOOBIG_);
    if (minus) exponent = -exponent;
    at_ = i;
  }
  return at(begin, parse_decimal(digits, exponent));
}

Value Parser::call(std::string_view name, size_t begin) {
  std::string lower;
  for (const char c : name) lower += static_cast<char>(c | 0x20);
  const auto* function = std::ranges::find(kFunctions, lower, &Function::name);
  if (function == kFunctions.end()) {
    std::string known;
    for (const Function& f : kFunctions) known += fmt::format(" {}", f.name);
    return error(fmt::format("no function is called '{}'; there are{}", name, known), begin);
  }
  if (!accept("(")) return error(fmt::format("'(' expected after {}", lower), at_);
  const Values values = TRY(arguments());
  if (values.size() < function->least || values.size() > function->most) {
    return error(fmt::format("{}() does not take {} arguments", lower, values.size()), begin,
                 ErrorCode::EINVAL_);
  }
  return at(begin, function->apply(arithmetic_, values));
}

Result<Values> Parser::arguments() {
  Values values;
  ++calls_;
  do {
    values.push_back(TRY(sum()));
  } while (accept(","));
  --calls_;
  if (!accept(")")) return error("',' or ')' expected", at_);
  return values;
}

}  // namespace

Result<std::string> calculate(std::string_view expression) {
  if (expression.size() > kExpressionMax) {
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("the expression has {} bytes, at most {}", expression.size(), kExpressionMax));
  }
  return Parser(expression).run();
}

}  // namespace phios::calc
