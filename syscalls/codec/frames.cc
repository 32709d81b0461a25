#include "syscalls/codec/frames.h"

#include <algorithm>
#include <utility>

#include "syscalls/codec/operands.h"
#include "syscalls/codec/slots.h"
#include "syscalls/codec/text.h"
#include "syscalls/codec/words.h"

namespace phios {
namespace {

constexpr std::string_view kDriverRights = "drv:";
constexpr size_t kIntegerDigits = 18;  // as RegexPool::integer

class FramesBuilder {
 public:
  FramesBuilder(RegexPool& pool, const RightSet& rights, std::span<const std::string> labels,
                std::vector<OperandSlot>* slots)
      : pool_(pool), rights_(rights), slots_(slots), space_(pool.literal(" ")), label_(one_of(labels)) {}

  RegexId row(const CallSpec& spec) {
    std::vector<RegexId> parts = {pool_.literal(spec.text)};
    for (size_t i = 0; i < spec.args.size(); ++i) parts.push_back(argument(spec, i));
    return pool_.concat(std::move(parts));
  }

 private:
  // The argument with the space before it.
  RegexId argument(const CallSpec& spec, size_t i) {
    const ArgSpec& arg = spec.args[i];
    bool must = arg.kind == ArgKind::kRequired;
    const bool composed = slots_ == nullptr || spec.right.starts_with(kDriverRights);
    RegexId value = composed ? of_type(arg.type) : operand_of_type(arg.type);
    if (scope_argument(spec) == i) {
      const std::vector<std::string> scopes = rights_.scopes(spec);
      if (scopes != std::vector<std::string>{"*"}) {
        // Without the argument the call would need the right without a scope.
        must = must || arg.kind != ArgKind::kRest;
        value = composed ? scoped(scopes) : slot(OperandSlot::Kind::kWord, scopes);
      }
    }
    if (arg.kind == ArgKind::kOptionalKey)
      value = pool_.concat({pool_.literal(std::string(arg.name) + "="), value});
    const RegexId word = pool_.concat({space_, value});
    if (arg.kind == ArgKind::kRest) return pool_.repeat(word, 0);
    return must ? word : pool_.optional(word);
  }

  RegexId of_type(ArgType type) {
    switch (type) {
      case ArgType::kCell:
      case ArgType::kValue:
      case ArgType::kText:
      case ArgType::kName:
        return pool_.word();
      case ArgType::kLabel:
        return label_;
      case ArgType::kPid:
        return pool_.alternatives({pool_.literal("any"), pool_.integer()});
      case ArgType::kInt:
        return pool_.integer();
      case ArgType::kBigInt:
        return pool_.big_integer();
      case ArgType::kBool:
        return pool_.alternatives(
            {pool_.literal("0"), pool_.literal("1"), pool_.literal("false"), pool_.literal("true")});
    }
    return pool_.word();
  }

  RegexId operand_of_type(ArgType type) {
    switch (type) {
      case ArgType::kCell:
      case ArgType::kValue:
      case ArgType::kText:
      case ArgType::kName:
        return slot(OperandSlot::Kind::kWord);
      case ArgType::kPid:
        return pool_.alternatives({pool_.literal("any"), slot(OperandSlot::Kind::kInteger)});
      case ArgType::kInt:
        return slot(OperandSlot::Kind::kInteger);
      case ArgType::kBigInt:
        return slot(OperandSlot::Kind::kBigInteger);
      case ArgType::kLabel:
        return slot(OperandSlot::Kind::kLabel);
      case ArgType::kBool:
        return of_type(type);
    }
    return slot(OperandSlot::Kind::kWord);
  }

  // The byte of that slot; equal slots share one.
  RegexId slot(OperandSlot::Kind kind, std::vector<std::string> scopes = {"*"}) {
    OperandSlot wanted{kind, std::move(scopes)};
    const auto known = std::find(slots_->begin(), slots_->end(), wanted);
    const auto index = static_cast<size_t>(known - slots_->begin());
    if (known == slots_->end()) slots_->push_back(std::move(wanted));
    // Past the last byte a slot is without any word; the caller sees that there are too many.
    if (index >= kSlotsMax) return pool_.alternatives({});
    return pool_.range(slot_byte(index), slot_byte(index));
  }

  template <class Words>
  RegexId one_of(const Words& words) {
    std::vector<RegexId> literals;
    for (const std::string& word : words) literals.push_back(pool_.literal(word));
    return pool_.alternatives(std::move(literals));
  }

  RegexId scoped(const std::vector<std::string>& scopes) {
    std::vector<RegexId> words;
    for (const std::string& scope : scopes) {
      if (!scope.ends_with('*')) {
        words.push_back(pool_.literal(quote_word(scope)));
        continue;
      }
      const std::string_view prefix = std::string_view(scope).substr(0, scope.size() - 1);
      if (is_bare_word(prefix))
        words.push_back(pool_.concat({pool_.literal(prefix), pool_.optional(pool_.bare())}));
      std::string quoted = quote_string(prefix);
      quoted.pop_back();
      // A prefix that ends in '<' could not be told from a marker's beginning: only its bare form is offered.
      if (!quoted.ends_with('<')) words.push_back(pool_.concat({pool_.literal(quoted), pool_.string_rest()}));
    }
    return pool_.alternatives(std::move(words));
  }

  RegexPool& pool_;
  const RightSet& rights_;
  std::vector<OperandSlot>* slots_;  // null: every argument is composed
  RegexId space_;
  RegexId label_;
};

RegexId build(FramesBuilder builder, RegexPool& pool, std::span<const CallSpec* const> rows) {
  std::vector<RegexId> frames;
  for (const CallSpec* spec : rows) frames.push_back(builder.row(*spec));
  return pool.alternatives(std::move(frames));
}

bool in_scopes(const std::string& word, const std::vector<std::string>& scopes) {
  const Result<std::string> name = WordReader(word).word();
  return name && std::any_of(scopes.begin(), scopes.end(), [&](std::string_view scope) {
           return scope.ends_with('*') ? name->starts_with(scope.substr(0, scope.size() - 1))
                                       : *name == scope;
         });
}

}  // namespace

std::vector<const CallSpec*> emittable_calls(const RightSet& rights, bool has_labels) {
  std::vector<const CallSpec*> rows;
  for (const CallSpec& spec : call_table()) {
    const bool needs_label = std::any_of(spec.args.begin(), spec.args.end(), [](const ArgSpec& arg) {
      return arg.type == ArgType::kLabel && arg.kind == ArgKind::kRequired;
    });
    if (!spec.text.empty() && rights.may_call(spec) && (has_labels || !needs_label)) rows.push_back(&spec);
  }
  return rows;
}

RegexId frames_regex(RegexPool& pool, std::span<const CallSpec* const> rows, const RightSet& rights,
                     std::span<const std::string> labels) {
  return build({pool, rights, labels, nullptr}, pool, rows);
}

RegexId frames_regex(RegexPool& pool, std::span<const CallSpec* const> rows, const RightSet& rights,
                     std::vector<OperandSlot>& slots) {
  return build({pool, rights, {}, &slots}, pool, rows);
}

std::vector<SlotWord> words_of_slot(const OperandSlot& slot, const Operands& operands,
                                    std::span<const std::string> labels) {
  const auto count = [&](const std::string& word) {
    const auto at = operands.find(word);
    return at == operands.end() ? 0 : at->second;
  };
  std::vector<SlotWord> words;
  switch (slot.kind) {
    case OperandSlot::Kind::kInteger:
    case OperandSlot::Kind::kBigInteger:
      for (std::string& word :
           integer_operands(operands, slot.kind == OperandSlot::Kind::kInteger ? kIntegerDigits : 0)) {
        const bool once = count(word) == 1;
        words.push_back({std::move(word), once});
      }
      break;
    case OperandSlot::Kind::kLabel:
      for (const std::string& label : labels) {
        if (const uint32_t named = count(label) + count(quote_string(label)); named > 0)
          words.push_back({label, named == 1});
      }
      break;
    case OperandSlot::Kind::kWord:
      for (const auto& [word, named] : operands) {
        if (!is_stop_word(word) && in_scopes(word, slot.scopes)) words.push_back({word, named == 1});
      }
      break;
  }
  return words;
}

}  // namespace phios
