#include "kernel/boot/cmd/isa.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "syscalls/codec/operands.h"

namespace phios::isa {

namespace {

// Characters of UTF-8, ranges such as "a-z" spelled out; a dash at either end is itself.
std::vector<std::string> expand(const std::string& chars) {
  std::vector<std::string> units;
  for (size_t i = 0; i < chars.size();) {
    size_t n = 1;
    while (i + n < chars.size() && (static_cast<uint8_t>(chars[i + n]) & 0xc0) == 0x80) n++;
    units.push_back(chars.substr(i, n));
    i += n;
  }
  std::vector<std::string> out;
  for (size_t i = 0; i < units.size(); i++) {
    if (i + 2 < units.size() && units[i + 1] == "-" && units[i].size() == 1 && units[i + 2].size() == 1) {
      for (char c = units[i][0]; c <= units[i + 2][0]; c++) out.emplace_back(1, c);
      i += 2;
    } else {
      out.push_back(units[i]);
    }
  }
  return out;
}

std::vector<std::string> strings(const YAML::Node& node) {
  std::vector<std::string> out;
  for (const YAML::Node& item : node) out.push_back(item.as<std::string>());
  return out;
}

// Calls fill(key) for each {key} of a template.
template <class Fill>
std::string substitute(std::string_view text, Fill&& fill) {
  std::string out;
  for (size_t open; (open = text.find('{')) != std::string_view::npos;) {
    const size_t close = text.find('}', open);
    out += text.substr(0, open);
    out += fill(std::string(text.substr(open + 1, close - open - 1)));
    text.remove_prefix(close + 1);
  }
  return out += text;
}

std::string kind_of(const std::string& key) { return key.substr(0, key.find_first_of("0123456789")); }

struct Filled {
  std::string section, frame, answer, decision;
};

// The shown integers of a rule that chooses; true: `frame` is due.
bool draw_shown(const Rule& rule, const Set& set, CaseRandom& random, const std::string& form,
                std::map<std::string, std::string>& fill) {
  const bool holds = random.chance(0.5);
  std::string a = operand(set, random, form), b = operand(set, random, random.pick(set.kinds.at("shown")));
  if (rule.choose == "zero") {
    fill["a"] = holds ? "0" : a;
    return holds;
  }
  if (random.chance(0.3)) b = std::to_string(std::stoll(a) + random.between(-2, 2));
  if (rule.choose == "equal" && holds) b = a;
  fill["a"] = a, fill["b"] = b;
  const int64_t x = std::stoll(a), y = std::stoll(b);
  return rule.choose == "less" ? x < y : rule.choose == "greater" ? x > y : x == y;
}

// `varied` gets the form asked for, the other slots the first form of their kind.
Filled fill_rule(const Set& set, const Rule& rule, const std::string& say, CaseRandom& random,
                 const std::string& varied, const std::string& form, const std::vector<std::string>& labels) {
  std::map<std::string, std::string> fill;
  bool holds = true;
  if (!rule.choose.empty()) {
    const std::string shown = varied == "a" ? form : set.kinds.at("shown").front();
    holds = draw_shown(rule, set, random, shown, fill);
  }
  const auto slot = [&](const std::string& key) {
    const auto it = fill.find(key);
    if (it != fill.end()) return it->second;
    const std::string kind = kind_of(key);
    if (kind == "label") {
      std::string label = random.pick(labels);
      while (std::any_of(fill.begin(), fill.end(), [&](const auto& entry) { return entry.second == label; }))
        label = random.pick(labels);
      return fill[key] = label;
    }
    return fill[key] = operand(set, random, key == varied ? form : set.kinds.at(kind).front());
  };
  const std::string section = substitute(say, slot);
  const std::string due = substitute(holds ? rule.frame : rule.otherwise, slot);
  if (rule.test.empty()) return {section, due, "", ""};
  return {section, substitute(rule.test, slot), holds ? "true" : "false", due};
}

std::vector<std::string> slots_of(const Rule& rule, const std::string& say) {
  std::vector<std::string> slots;
  const auto note = [&](const std::string& key) {
    if (std::find(slots.begin(), slots.end(), key) == slots.end()) slots.push_back(key);
    return std::string();
  };
  (void)substitute(say, note);
  (void)substitute(rule.frame, note);
  return slots;
}

std::vector<std::string> draw_labels(const Set& set, CaseRandom& random, size_t n) {
  std::vector<std::string> labels;
  while (labels.size() < n) {
    std::string label = operand(set, random, "label");
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(std::move(label));
  }
  return labels;
}

// The state that the case stands in: earlier instructions and their answers, or another base.
void set_state(const Set& set, const std::string& state, CaseRandom& random, Case& made) {
  if (state == "comment") made.base = "This program works on cells.\n";
  if (state != "after" && state != "error") return;
  const std::string cell = operand(set, random, "bare"), value = operand(set, random, "bare");
  made.before.push_back({"Write " + value + " to " + cell + ".\n", "WRITE " + cell + " " + value, ""});
  if (state == "error") {
    const std::string absent = operand(set, random, "bare");
    made.before.push_back({"Read " + absent + ".\n", "READ " + absent, "!ENOENT no cell named " + absent});
  }
}

}  // namespace

Result<Set> load(std::string_view yaml) {
  Set set;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    for (const auto& entry : root["states"]) set.states.push_back(entry.first.as<std::string>());
    for (const auto& entry : root["kinds"]) set.kinds[entry.first.as<std::string>()] = strings(entry.second);
    for (const auto& entry : root["forms"]) {
      const YAML::Node& node = entry.second;
      Form& form = set.forms[entry.first.as<std::string>()];
      form.prefix = node["prefix"].as<std::string>("");
      form.first = expand(node["first"].as<std::string>());
      form.chars = expand(node["chars"].as<std::string>());
      form.escapes = strings(node["escapes"]);
      form.min = node["min"].as<size_t>();
      form.max = node["max"].as<size_t>();
      form.quoted = node["quoted"].as<bool>(false);
    }
    for (const YAML::Node& node : root["rules"]) {
      set.rules.push_back({node["op"].as<std::string>(), node["frame"].as<std::string>(),
                           node["else"].as<std::string>(""), node["choose"].as<std::string>(""),
                           node["test"].as<std::string>(""), strings(node["say"])});
    }
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::EPARSE_, fmt::format("isa.yaml:{}: {}", error.mark.line + 1, error.msg));
  }
  return set;
}

namespace {
std::string draw(const Form& form, CaseRandom& random) {
  const size_t most = form.max - (form.quoted ? 2 : 0);
  const size_t size = static_cast<size_t>(
      random.between(static_cast<int64_t>(std::min(form.min, most)), static_cast<int64_t>(most)));
  std::string text = random.pick(form.first);
  while (text.size() < size) {
    const std::string& next =
        !form.escapes.empty() && random.chance(0.12) ? random.pick(form.escapes) : random.pick(form.chars);
    if (text.size() + next.size() > most) break;
    text += next;
  }
  return form.quoted ? '"' + text + '"' : form.prefix + text;
}
}  // namespace

std::string operand(const Set& set, CaseRandom& random, const std::string& name) {
  const Form& form = set.forms.at(name);
  std::string text = draw(form, random);
  while (is_stop_word(text)) text = draw(form, random);
  return text;
}

std::vector<Case> make_cases(const Set& set, uint64_t seed) {
  CaseRandom random(seed);
  constexpr size_t kLabelSets = 4, kLabels = 6;
  std::vector<std::vector<std::string>> label_sets;
  label_sets.reserve(kLabelSets);
  for (size_t i = 0; i < kLabelSets; i++) label_sets.push_back(draw_labels(set, random, kLabels));
  std::vector<Case> cases;
  for (const Rule& rule : set.rules) {
    for (const std::string& say : rule.say) {
      std::vector<std::pair<std::string, std::string>> variations;
      for (const std::string& slot : slots_of(rule, say)) {
        const std::string kind = slot == "a" || slot == "b" ? "shown" : kind_of(slot);
        for (const std::string& form : set.kinds.at(kind)) variations.emplace_back(slot, form);
      }
      if (variations.empty()) variations.emplace_back("", "");
      for (const auto& [slot, form] : variations) {
        for (const std::string& state : set.states) {
          Case made;
          made.labels = random.pick(label_sets);
          set_state(set, state, random, made);
          Filled filled = fill_rule(set, rule, say, random, slot, form, made.labels);
          made.section = filled.section + "\n";
          made.frame = filled.frame;
          made.answer = filled.answer;
          made.decision = filled.decision;
          made.name = fmt::format("{} {}{}{} state={}", rule.op, slot, slot.empty() ? "" : "=", form, state);
          cases.push_back(std::move(made));
        }
      }
    }
  }
  return cases;
}

Case decided(const Case& c) {
  Case next = c;
  next.before.push_back({c.section, c.frame, c.answer});
  next.section.clear();
  next.frame = c.decision;
  next.answer.clear();
  return next;
}

}  // namespace phios::isa
