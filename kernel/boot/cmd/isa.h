// The instruction set in words (userland/models/isa.yaml) as data, and cases and programs made from it.
//
// Ownership: plain values. Threads: pure. Errors: EPARSE_ with the rule. The same seed makes the same cases
// and programs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "kernel/boot/cmd/eval.h"

namespace phios::isa {

struct Form {
  std::string prefix;
  std::vector<std::string> first, chars, escapes;  // one character of UTF-8 each
  size_t min = 1, max = 12;
  bool quoted = false;
};

struct Rule {
  std::string op, frame, otherwise, choose;  // choose: "", zero, equal, less, greater
  std::string test;  // the frame of the comparison that decides; "": the model decides at once
  std::vector<std::string> say;
};

struct Set {
  std::map<std::string, Form, std::less<>> forms;
  std::map<std::string, std::vector<std::string>, std::less<>> kinds;
  std::vector<std::string> states;
  std::vector<Rule> rules;
};

Result<Set> load(std::string_view yaml);

// Text of one form, at most its max bytes.
std::string operand(const Set& set, CaseRandom& random, const std::string& form);

// What stands in the context before the section.
struct Before {
  std::string text, frame, reply;
};

struct Case {
  std::string name;  // "WRITE cell=at value=string state=after"
  std::string base;
  std::vector<Before> before;
  std::string section, frame;  // frame "": the section ends at once
  std::vector<std::string> labels;
  std::string answer, decision;  // of a test: the result of `frame`, and the frame that is due after it
};

// The second half of a case with a test: the test and its answer stand in the context, the decision is due.
Case decided(const Case& c);

// Every rule × sentence × state × form of each operand.
std::vector<Case> make_cases(const Set& set, uint64_t seed);

// A program: what its sections say, the frames that carry it out in order, and the cells it leaves.
struct Program {
  std::vector<std::pair<std::string, std::string>> sections;  // label, text
  std::vector<std::string> frames;
  std::map<std::string, std::string> cells;
  std::string exit_value;
};

Program make_program(const Set& set, uint64_t seed);

}  // namespace phios::isa
