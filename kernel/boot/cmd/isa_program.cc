// Random programs of the instruction set, and what they must do.
#include <fmt/core.h>

#include <algorithm>

#include "kernel/boot/cmd/isa.h"
#include "mm/store/cells.h"

namespace phios::isa {

namespace {

constexpr size_t kLabelSets =
    32;  // labels come from so many sets, so that grammars are shared between programs
constexpr size_t kLabels = 20;

// One instruction as it is said, and what it does.
struct Step {
  enum class Kind { kWrite, kMove, kCopy, kDelete, kAdd, kRead, kJumpIf, kChooseZero, kExit } kind;
  std::string a, b;  // operands; labels of a jump
  std::string text;
};

class Maker {
 public:
  Maker(const Set& set, uint64_t seed) : set_(set), random_(seed) {
    CaseRandom labels(random_.below(kLabelSets));
    while (labels_.size() < kLabels) {
      std::string label = operand(set, labels, "label");
      if (std::find(labels_.begin(), labels_.end(), label) == labels_.end())
        labels_.push_back(std::move(label));
    }
    const size_t n = 3 + random_.below(3);
    while (cells_.size() < n) {
      std::string cell = operand(set, random_, "bare");
      if (std::find(cells_.begin(), cells_.end(), cell) == cells_.end()) cells_.push_back(std::move(cell));
    }
  }

  Program make() {
    if (random_.chance(0.5)) {
      add_straight(4 + random_.below(6));
    } else {
      add_loop();
    }
    const std::string value = operand(set_, random_, "bare");
    add({Step::Kind::kExit, value, "", say("EXIT {value}", {{"value", value}})});
    return run();
  }

 private:
  // A sentence of the rule with this frame, its slots filled.
  std::string say(const std::string& frame, const std::map<std::string, std::string>& fill) {
    for (const Rule& rule : set_.rules) {
      if (rule.frame != frame || !rule.choose.empty()) continue;
      return substitute_slots(random_.pick(rule.say), fill);
    }
    return {};
  }
  static std::string substitute_slots(std::string text, const std::map<std::string, std::string>& fill) {
    for (const auto& [key, value] : fill) {
      const std::string slot = "{" + key + "}";
      for (size_t at = 0; (at = text.find(slot, at)) != std::string::npos; at += value.size())
        text.replace(at, slot.size(), value);
    }
    return text;
  }
  void add(Step step) { steps_.push_back(std::move(step)); }
  std::string value() {
    static const std::vector<std::string> kForms = {"bare", "int", "token", "string", "escaped", "utf8"};
    return operand(set_, random_, random_.pick(kForms));
  }
  std::vector<std::string> two_cells() {
    std::vector<std::string> two = {random_.pick(cells_), random_.pick(cells_)};
    while (two[1] == two[0]) two[1] = random_.pick(cells_);
    return two;
  }

  void add_instruction() {
    const std::vector<std::string> c = two_cells();
    switch (random_.below(6)) {
      case 0:
      case 1: {
        const std::string v = value();
        return add(
            {Step::Kind::kWrite, c[0], v, say("WRITE {cell} {value}", {{"cell", c[0]}, {"value", v}})});
      }
      case 2:
        return add(
            {Step::Kind::kMove, c[0], c[1], say("MOV {cell2} {cell}", {{"cell2", c[0]}, {"cell", c[1]}})});
      case 3:
        return add(
            {Step::Kind::kCopy, c[0], c[1], say("COPY {cell2} {cell}", {{"cell2", c[0]}, {"cell", c[1]}})});
      case 4:
        return add({Step::Kind::kDelete, c[0], "", say("DEL {cell}", {{"cell", c[0]}})});
      default:
        return add({Step::Kind::kRead, c[0], "", say("READ {cell}", {{"cell", c[0]}})});
    }
  }

  void add_straight(size_t n) {
    for (size_t i = 0; i < n; i++) add_instruction();
  }

  // n := k; loop: body; n -= 1; back while n is not 0.
  void add_loop() {
    counter_ = operand(set_, random_, "bare");
    while (std::find(cells_.begin(), cells_.end(), counter_) != cells_.end())
      counter_ = operand(set_, random_, "bare");
    const std::string times = std::to_string(random_.between(1, 4));
    add({Step::Kind::kWrite, counter_, times,
         say("WRITE {cell} {value}", {{"cell", counter_}, {"value", times}})});
    const size_t loop = steps_.size();
    add_straight(1 + random_.below(3));
    add({Step::Kind::kAdd, counter_, "-1", say("ADD {cell} -1", {{"cell", counter_}})});
    const std::string back = labels_[loop], on = labels_[steps_.size() + 1];
    if (random_.chance(0.5)) {
      add({Step::Kind::kJumpIf, back, counter_,
           say("JUMP {label} if={cell}", {{"label", back}, {"cell", counter_}})});
    } else {
      add({Step::Kind::kChooseZero, on, back,
           fmt::format("If {{{{{}|0}}}} is 0, go to {}, else go to {}.", counter_, on, back)});
    }
    add_straight(random_.below(3));
  }

  static std::string unquoted(const std::string& word);

  // The reference: a plain interpreter of the steps.
  Program run() {
    Program program;
    for (size_t i = 0; i < steps_.size(); i++)
      program.sections.emplace_back(labels_[i], steps_[i].text + "\n");
    auto& cells = program.cells;
    const auto find_label = [&](const std::string& label) {
      return static_cast<size_t>(std::find(labels_.begin(), labels_.end(), label) - labels_.begin());
    };
    const auto is_set = [&](const std::string& cell) { return cells.contains(cell) && cells[cell] != "0"; };
    for (size_t pc = 0; pc < steps_.size();) {
      const Step& s = steps_[pc++];
      switch (s.kind) {
        case Step::Kind::kWrite:
          program.frames.push_back("WRITE " + s.a + " " + s.b);
          cells[s.a] = unquoted(s.b);
          break;
        case Step::Kind::kMove:
        case Step::Kind::kCopy: {
          const bool moves = s.kind == Step::Kind::kMove;
          program.frames.push_back((moves ? "MOV " : "COPY ") + s.a + " " + s.b);
          if (!cells.contains(s.b)) break;
          cells[s.a] = cells[s.b];
          if (moves) cells.erase(s.b);
          break;
        }
        case Step::Kind::kDelete:
          program.frames.push_back("DEL " + s.a);
          cells.erase(s.a);
          break;
        case Step::Kind::kAdd:
          program.frames.push_back("ADD " + s.a + " " + s.b);
          cells[s.a] = *add_integers(cells.contains(s.a) ? cells[s.a] : "0", s.b);
          break;
        case Step::Kind::kRead:
          program.frames.push_back("READ " + s.a);
          break;
        case Step::Kind::kJumpIf:
          program.frames.push_back("JUMP " + s.a + " if=" + s.b);
          if (is_set(s.b)) pc = find_label(s.a);
          break;
        case Step::Kind::kChooseZero: {
          const std::string& to = is_set(counter_) ? s.b : s.a;
          program.frames.push_back("JUMP " + to);
          pc = find_label(to);
          break;
        }
        case Step::Kind::kExit:
          program.frames.push_back("EXIT " + s.a);
          program.exit_value = s.a;
          return program;
      }
    }
    return program;
  }

  const Set& set_;
  CaseRandom random_;
  std::vector<std::string> labels_, cells_;
  std::string counter_;
  std::vector<Step> steps_;
};

// The value of a word as it is written: a JSON string's text, or the bare word.
std::string Maker::unquoted(const std::string& word) {
  if (!word.starts_with('"')) return word;
  std::string out;
  for (size_t i = 1; i + 1 < word.size(); i++) {
    if (word[i] != '\\') {
      out += word[i];
      continue;
    }
    const char c = word[++i];
    if (c == 'u') {
      out += static_cast<char>(std::stoi(word.substr(i + 1, 4), nullptr, 16));
      i += 4;
    } else {
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
  }
  return out;
}

}  // namespace

Program make_program(const Set& set, uint64_t seed) { return Maker(set, seed).make(); }

}  // namespace phios::isa
