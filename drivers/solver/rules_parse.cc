#include "drivers/solver/rules_parse.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "fmt/format.h"
#include "syscalls/abi/limits.h"

namespace phios::rules {

namespace {

constexpr std::string_view kComment = ":::";
constexpr std::string_view kImplies = ">>>";
constexpr std::string_view kEnd = "------";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}
// What a name may hold besides letters and digits of any script; spaces stand inside a name, never around it.
bool is_name_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' ||
         c == '-' || c == '\'' || c == '.';
}

enum class Section { kClauses, kPredicates, kQuery };

class Symbols {
 public:
  Symbol intern(const std::string& name) {
    const auto [it, fresh] = ids_.try_emplace(name, static_cast<Symbol>(names_.size()));
    if (fresh) names_.push_back(name);
    return it->second;
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::unordered_map<std::string, Symbol> ids_;
  std::vector<std::string> names_;
};

// One line of a program.
class Line {
 public:
  Line(std::string_view text, uint32_t number, Symbols& symbols)
      : text_(text), number_(number), symbols_(symbols) {}

  bool empty() {
    skip_spaces();
    return at_ == text_.size();
  }
  // "Facts:" and the like, with whatever follows on the line left to be read.
  Result<std::optional<Section>> section();
  Result<Clause> clause();

  std::unexpected<Error> error(std::string_view what) const { return error_at(at_, what); }

 private:
  std::unexpected<Error> error_at(size_t at, std::string_view what) const {
    return fail(ErrorCode::EPARSE_, fmt::format("line {}, column {}: {}", number_, at + 1, what));
  }
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool accept(std::string_view token) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool accept_and() { return accept("&&") || accept("∧") || accept("&"); }
  bool accept_not();
  std::string name();
  Result<std::vector<Atom>> conjunction();
  Result<Atom> literal(size_t depth);
  Result<Atom> atom();
  Result<Term> term();

  std::string_view text_;
  size_t at_ = 0;
  uint32_t number_;
  Symbols& symbols_;
  std::vector<std::string> variables_;
};

Result<std::optional<Section>> Line::section() {
  skip_spaces();
  const size_t colon = text_.find(':', at_);
  if (colon == std::string_view::npos || text_.find('(', at_) < colon) return std::nullopt;
  std::string_view title = text_.substr(at_, colon - at_);
  while (!title.empty() && is_space(title.back())) title.remove_suffix(1);
  static constexpr std::pair<std::string_view, Section> kSections[] = {
      {"predicates", Section::kPredicates}, {"facts", Section::kClauses}, {"fact", Section::kClauses},
      {"rules", Section::kClauses},         {"rule", Section::kClauses},  {"query", Section::kQuery},
      {"queries", Section::kQuery}};
  for (const auto& [known, section] : kSections) {
    if (!equals_ignoring_case(title, known)) continue;
    at_ = colon + 1;
    return section;
  }
  return error(fmt::format("no section is called '{}': they are Predicates, Facts, Rules and Query", title));
}

bool Line::accept_not() {
  if (accept("!") || accept("~") || accept("¬")) return true;
  skip_spaces();
  const std::string_view rest = text_.substr(at_);
  const bool word = rest.size() > 4 && equals_ignoring_case(rest.substr(0, 3), "not") &&
                    (is_space(rest[3]) || rest[3] == '(');
  if (word) at_ += 3;
  return word;
}

// A name with single spaces inside, "" when there is none here.
std::string Line::name() {
  skip_spaces();
  std::string out;
  for (;;) {
    while (at_ < text_.size() && is_name_byte(text_[at_])) out += text_[at_++];
    const size_t before = at_;
    skip_spaces();
    const bool more = !out.empty() && before != at_ && at_ < text_.size() && is_name_byte(text_[at_]);
    // "∧" is made of the bytes of names; it is none.
    if (!more || text_.substr(at_).starts_with("∧")) return out;
    out += ' ';
  }
}

Result<Clause> Line::clause() {
  Clause clause;
  clause.line = number_;
  clause.head = TRY(conjunction());
  if (accept(kImplies)) {
    clause.body = std::move(clause.head);
    clause.head = TRY(conjunction());
  }
  if (!empty()) return error("the end of the line, '&&' or '>>>' expected");
  clause.variables = static_cast<uint32_t>(variables_.size());
  return clause;
}

Result<std::vector<Atom>> Line::conjunction() {
  std::vector<Atom> atoms;
  do {
    if (atoms.size() == kAtomsMax) return error(fmt::format("more than {} atoms", kAtomsMax));
    atoms.push_back(TRY(literal(0)));
  } while (accept_and());
  return atoms;
}

// A negated atom says the other value: !Green($x, True) is Green($x, False). What is not said is never taken
// to be false.
Result<Atom> Line::literal(size_t depth) {
  if (depth > kNestingMax) return error("nested too deeply");
  if (accept_not()) {
    Atom inner = TRY(literal(depth + 1));
    inner.value = !inner.value;
    return inner;
  }
  if (!accept("(")) return atom();
  Atom inner = TRY(literal(depth + 1));
  if (!accept(")")) return error("')' expected");
  return inner;
}

Result<Atom> Line::atom() {
  skip_spaces();
  const size_t begin = at_;
  const std::string predicate = name();
  if (predicate.empty()) return error("an atom such as Kind(Bob, True) expected");
  if (predicate.size() > kNameMax) return error_at(begin, "a name of more than 255 bytes");
  if (!accept("(")) return error(fmt::format("'(' expected after '{}'", predicate));
  Atom atom;
  atom.predicate = symbols_.intern(predicate);
  std::optional<bool> value;
  do {
    if (atom.args.size() == kArgumentsMax) return error(fmt::format("more than {} arguments", kArgumentsMax));
    skip_spaces();
    const size_t here = at_;
    if (!text_.substr(at_).starts_with('$')) {
      const std::string word = name();
      const bool yes = equals_ignoring_case(word, "true");
      skip_spaces();
      if ((yes || equals_ignoring_case(word, "false")) && text_.substr(at_).starts_with(')')) {
        value = yes;
        break;
      }
      at_ = here;
    }
    atom.args.push_back(TRY(term()));
  } while (accept(","));
  if (!accept(")")) return error("',' or ')' expected");
  atom.value = value.value_or(true);
  return atom;
}

Result<Term> Line::term() {
  const size_t begin = at_;
  const bool variable = accept("$");
  const std::string word = name();
  if (word.empty()) return error("a name or a $variable expected");
  if (word.size() > kNameMax) return error_at(begin, "a name of more than 255 bytes");
  if (!variable) return Term{symbols_.intern(word), false};
  auto it = std::ranges::find(variables_, word);
  if (it == variables_.end()) it = variables_.insert(it, word);
  return Term{static_cast<uint32_t>(it - variables_.begin()), true};
}

class Parser {
 public:
  Result<Program> run(std::string_view text);

 private:
  Status line(std::string_view text, uint32_t number);
  Status query(Line& line);

  Symbols symbols_;
  Program program_;
  Section section_ = Section::kClauses;
  bool have_query_ = false;
};

Status Parser::line(std::string_view text, uint32_t number) {
  Line line(text, number, symbols_);
  if (const auto section = TRY(line.section())) section_ = *section;
  // A declaration says nothing that an atom's own form does not say.
  if (line.empty() || section_ == Section::kPredicates) return {};
  if (section_ == Section::kQuery) return query(line);
  program_.clauses.push_back(TRY(line.clause()));
  return {};
}

Status Parser::query(Line& line) {
  if (have_query_) return line.error("a second query: a program asks one");
  Clause asked = TRY(line.clause());
  if (!asked.body.empty() || asked.head.size() != 1) return line.error("a query is one atom");
  if (asked.variables != 0) return line.error("a query has no variables");
  program_.query = std::move(asked.head[0]);
  have_query_ = true;
  return {};
}

Result<Program> Parser::run(std::string_view text) {
  uint32_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line_text = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line_text.starts_with(kEnd)) break;
    TRY(line(line_text.substr(0, line_text.find(kComment)), number));
  }
  if (!have_query_) {
    return fail(ErrorCode::EPARSE_,
                fmt::format("line {}, column 1: the program ends without a query", number));
  }
  program_.symbols = symbols_.take();
  return std::move(program_);
}

}  // namespace

Result<Program> parse(std::string_view text) {
  if (text.size() > PHI_SOLVER_PROGRAM_MAX) {
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("the program has {} bytes, at most {}", text.size(), PHI_SOLVER_PROGRAM_MAX));
  }
  return Parser().run(text);
}

std::string print(const Program& program, const Atom& atom) {
  std::string out = program.symbols[atom.predicate] + '(';
  for (const Term& term : atom.args) out += program.symbols[term.id] + ", ";
  return out + (atom.value ? "True)" : "False)");
}

}  // namespace phios::rules
