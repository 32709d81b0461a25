#include "drivers/solver/rules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "drivers/solver/rules_parse.h"
#include "fmt/format.h"

namespace phios::rules {

namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr size_t kWatchJoins = 4096;    // joins between two looks at the clock
constexpr size_t kDetailLinesMax = 48;  // of a derivation
constexpr size_t kDetailBytesMax = 4096;

using Row = std::vector<Symbol>;

struct RowHash {
  size_t operator()(const Row& row) const {
    uint64_t h = 0x9e3779b97f4a7c15ULL;
    for (const Symbol s : row) h = (h ^ s) * 0xff51afd7ed558ccdULL, h ^= h >> 32;
    return h;
  }
};

// The facts of one predicate, number of arguments and value. A fact is known from its derivation on, and
// joined with from its turn in the queue on.
struct Relation {
  Symbol predicate = 0;
  bool value = true;
  std::unordered_map<Row, uint32_t, RowHash> known;                            // → fact
  std::vector<uint32_t> joined;                                                // facts, in order
  std::vector<std::unordered_map<Symbol, std::vector<uint32_t>>> by_argument;  // facts by each argument
};

struct Fact {
  uint32_t relation = 0;
  uint32_t clause = 0;
  const Row* row = nullptr;
  std::vector<uint32_t> from;
};

struct Trigger {
  uint32_t clause;
  uint32_t position;  // in the body
};

class Chainer {
 public:
  Chainer(Env& env, const Program& program, const Budget& budget, const std::stop_token& stop)
      : env_(env), program_(program), budget_(budget), stop_(stop) {}

  Status run();
  Solution verdict() const;

 private:
  struct Match {
    const Clause* clause;
    uint32_t clause_index;
    std::vector<Symbol> binding;   // kNone where a variable is free
    std::vector<uint32_t> chosen;  // a fact for each atom of the body, kNone where none yet
  };

  uint32_t relation_of(const Atom& atom);
  std::optional<uint32_t> find(const Atom& atom, bool value) const;
  Status fire(uint32_t fact);
  Status join(Match& match);
  Status conclude(Match& match, size_t next_variable);
  Status add(const Match& match, const Atom& head);
  Status watch();
  bool unify(const Atom& atom, const Row& row, Match& match, std::vector<uint32_t>& bound) const;
  const std::vector<uint32_t>& candidates(const Atom& atom, uint32_t relation, const Match& match) const;
  std::string derivation(uint32_t fact) const;
  Atom atom_of(const Fact& fact) const;

  Env& env_;
  const Program& program_;
  const Budget& budget_;
  const std::stop_token& stop_;

  std::map<std::tuple<Symbol, size_t, bool>, uint32_t> relation_ids_;
  std::vector<Relation> relations_;
  std::vector<std::vector<Trigger>> triggers_;         // by relation
  std::vector<std::vector<uint32_t>> body_relations_;  // by clause and position
  std::vector<Symbol> domain_;                         // every constant of the program
  std::vector<Fact> facts_;  // also the queue: what is derived sooner has its turn sooner
  size_t joins_ = 0;
};

uint32_t Chainer::relation_of(const Atom& atom) {
  const auto [it, fresh] = relation_ids_.try_emplace({atom.predicate, atom.args.size(), atom.value},
                                                     static_cast<uint32_t>(relations_.size()));
  if (fresh) {
    relations_.push_back(
        {.predicate = atom.predicate, .value = atom.value, .known = {}, .joined = {}, .by_argument = {}});
    relations_.back().by_argument.resize(atom.args.size());
    triggers_.emplace_back();
  }
  return it->second;
}

Status Chainer::run() {
  std::set<Symbol> constants;
  const auto note = [&](const Atom& atom) {
    relation_of(atom);
    for (const Term& term : atom.args) {
      if (!term.variable) constants.insert(term.id);
    }
  };
  body_relations_.resize(program_.clauses.size());
  for (uint32_t c = 0; c < program_.clauses.size(); ++c) {
    const Clause& clause = program_.clauses[c];
    std::ranges::for_each(clause.head, note);
    for (uint32_t i = 0; i < clause.body.size(); ++i) {
      note(clause.body[i]);
      body_relations_[c].push_back(relation_of(clause.body[i]));
      triggers_[body_relations_[c][i]].push_back({c, i});
    }
  }
  note(program_.query);
  domain_.assign(constants.begin(), constants.end());

  for (uint32_t c = 0; c < program_.clauses.size(); ++c) {
    const Clause& clause = program_.clauses[c];
    if (!clause.body.empty()) continue;
    Match match{&clause, c, std::vector<Symbol>(clause.variables, kNone), {}};
    TRY(conclude(match, 0));
  }
  for (uint32_t fact = 0; fact < facts_.size(); ++fact) TRY(fire(fact));
  return {};
}

// A fact's turn: it is joined with all that had theirs, in every place of a body where it fits.
Status Chainer::fire(uint32_t fact) {
  Relation& relation = relations_[facts_[fact].relation];
  const Row& row = *facts_[fact].row;
  relation.joined.push_back(fact);
  for (size_t i = 0; i < row.size(); ++i) relation.by_argument[i][row[i]].push_back(fact);
  for (const Trigger& trigger : triggers_[facts_[fact].relation]) {
    const Clause& clause = program_.clauses[trigger.clause];
    Match match{&clause, trigger.clause, std::vector<Symbol>(clause.variables, kNone),
                std::vector<uint32_t>(clause.body.size(), kNone)};
    std::vector<uint32_t> bound;
    if (!unify(clause.body[trigger.position], row, match, bound)) continue;
    match.chosen[trigger.position] = fact;
    TRY(join(match));
  }
  return {};
}

bool Chainer::unify(const Atom& atom, const Row& row, Match& match, std::vector<uint32_t>& bound) const {
  for (size_t i = 0; i < row.size(); ++i) {
    const Term& term = atom.args[i];
    if (!term.variable) {
      if (term.id != row[i]) return false;
      continue;
    }
    Symbol& value = match.binding[term.id];
    if (value == kNone) {
      value = row[i];
      bound.push_back(term.id);
    } else if (value != row[i]) {
      return false;
    }
  }
  return true;
}

// The facts that could stand for an atom: those with the rarest of its known arguments.
const std::vector<uint32_t>& Chainer::candidates(const Atom& atom, uint32_t relation,
                                                 const Match& match) const {
  static const std::vector<uint32_t> kNothing;
  const Relation& facts = relations_[relation];
  const std::vector<uint32_t>* best = &facts.joined;
  for (size_t i = 0; i < atom.args.size(); ++i) {
    const Term& term = atom.args[i];
    const Symbol value = term.variable ? match.binding[term.id] : term.id;
    if (value == kNone) continue;
    const auto it = facts.by_argument[i].find(value);
    if (it == facts.by_argument[i].end()) return kNothing;
    if (it->second.size() < best->size()) best = &it->second;
  }
  return *best;
}

// Fills the place of the body that has the fewest candidates, and goes on with the rest. As deep as a body is
// long, which kAtomsMax bounds.
Status Chainer::join(Match& match) {
  const Clause& clause = *match.clause;
  size_t place = clause.body.size();
  const std::vector<uint32_t>* fewest = nullptr;
  for (size_t i = 0; i < clause.body.size(); ++i) {
    if (match.chosen[i] != kNone) continue;
    const auto& list = candidates(clause.body[i], body_relations_[match.clause_index][i], match);
    if (fewest != nullptr && list.size() >= fewest->size()) continue;
    fewest = &list;
    place = i;
  }
  if (fewest == nullptr) return conclude(match, 0);
  for (const uint32_t candidate : *fewest) {
    TRY(watch());
    std::vector<uint32_t> bound;
    if (unify(clause.body[place], *facts_[candidate].row, match, bound)) {
      match.chosen[place] = candidate;
      TRY(join(match));
      match.chosen[place] = kNone;
    }
    for (const uint32_t variable : bound) match.binding[variable] = kNone;
  }
  return {};
}

// A variable that only the head has stands for everything that the program names.
Status Chainer::conclude(Match& match, size_t next_variable) {
  while (next_variable < match.binding.size() && match.binding[next_variable] != kNone) ++next_variable;
  if (next_variable == match.binding.size()) {
    for (const Atom& head : match.clause->head) TRY(add(match, head));
    return {};
  }
  for (const Symbol constant : domain_) {
    TRY(watch());
    match.binding[next_variable] = constant;
    TRY(conclude(match, next_variable + 1));
    match.binding[next_variable] = kNone;
  }
  return {};
}

Status Chainer::add(const Match& match, const Atom& head) {
  Row row;
  for (const Term& term : head.args) row.push_back(term.variable ? match.binding[term.id] : term.id);
  const uint32_t relation = relation_ids_.at({head.predicate, head.args.size(), head.value});
  const auto id = static_cast<uint32_t>(facts_.size());
  const auto [it, fresh] = relations_[relation].known.try_emplace(std::move(row), id);
  if (!fresh) return {};
  if (facts_.size() == budget_.facts) {
    return fail(ErrorCode::ELIMIT_, fmt::format("facts: {} derived, the solver's limit", budget_.facts));
  }
  facts_.push_back({relation, match.clause_index, &it->first, match.chosen});
  return {};
}

Status Chainer::watch() {
  if (++joins_ > budget_.joins) {
    return fail(ErrorCode::ELIMIT_, fmt::format("joins: {} made, the solver's limit", budget_.joins));
  }
  if (joins_ % kWatchJoins != 0) return {};
  if (stop_.stop_requested()) return fail(ErrorCode::EINTR_, "cancelled");
  if (env_.now() >= budget_.deadline) {
    return fail(ErrorCode::ETIMEDOUT_,
                fmt::format("stopped at the deadline, {} facts derived", facts_.size()));
  }
  return {};
}

std::optional<uint32_t> Chainer::find(const Atom& atom, bool value) const {
  const auto it = relation_ids_.find({atom.predicate, atom.args.size(), value});
  if (it == relation_ids_.end()) return std::nullopt;
  Row row;
  for (const Term& term : atom.args) row.push_back(term.id);
  const auto& known = relations_[it->second].known;
  const auto fact = known.find(row);
  return fact == known.end() ? std::nullopt : std::optional(fact->second);
}

Atom Chainer::atom_of(const Fact& fact) const {
  const Relation& relation = relations_[fact.relation];
  Atom atom{relation.predicate, relation.value, {}};
  for (const Symbol symbol : *fact.row) atom.args.push_back({symbol, false});
  return atom;
}

// What a fact rests on, each before what follows from it.
std::string Chainer::derivation(uint32_t fact) const {
  std::set<uint32_t> used;
  std::vector<uint32_t> open{fact};
  while (!open.empty()) {
    const uint32_t next = open.back();
    open.pop_back();
    if (!used.insert(next).second) continue;
    open.insert(open.end(), facts_[next].from.begin(), facts_[next].from.end());
  }
  std::string out;
  size_t lines = 0;
  for (const uint32_t id : used) {
    if (lines++ == kDetailLinesMax || out.size() > kDetailBytesMax) return out + "…\n";
    const Fact& step = facts_[id];
    out += fmt::format("{}  [line {}]\n", print(program_, atom_of(step)), program_.clauses[step.clause].line);
  }
  return out;
}

Solution Chainer::verdict() const {
  const Atom& asked = program_.query;
  const auto same = find(asked, asked.value);
  const auto other = find(asked, !asked.value);
  if (!same && !other) return {Verdict::kUnknown, fmt::format("nothing says {}", print(program_, asked))};
  if (same && other) {
    return {Verdict::kUnknown, "the program contradicts itself:\n" + derivation(*same) + derivation(*other)};
  }
  return {same ? Verdict::kTrue : Verdict::kFalse, derivation(same ? *same : *other)};
}

}  // namespace

Result<Solution> solve(Env& env, std::string_view text, const Budget& budget, const std::stop_token& stop) {
  const Program program = TRY(parse(text));
  Chainer chainer(env, program, budget, stop);
  TRY(chainer.run());
  return chainer.verdict();
}

}  // namespace phios::rules
