#include "syscalls/codec/call.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "syscalls/codec/text.h"

namespace phios {
namespace {

constexpr size_t kArgsOfRow = 12;  // the most argument specifications that one row may have

struct RawRow {
  uint16_t number;
  std::string_view text, c_name, args, result, right, flags, meaning;
};

constexpr RawRow kRaw[] = {
#define PHI_SYSCALL(number, text, c_name, args, result, right, flags, meaning) \
  {number, text, #c_name, args, result, right, flags, meaning},
#include "syscalls/abi/table.def"
#undef PHI_SYSCALL
};
constexpr size_t kRows = std::size(kRaw);

struct RowArgs {
  std::array<ArgSpec, kArgsOfRow> args{};
  size_t size = 0;
};

// A row that is not of the table's form does not compile: these throw in a constant expression.
consteval ArgType arg_type(std::string_view name) {
  if (name == "cell") return ArgType::kCell;
  if (name == "value") return ArgType::kValue;
  if (name == "text") return ArgType::kText;
  if (name == "name") return ArgType::kName;
  if (name == "label") return ArgType::kLabel;
  if (name == "pid") return ArgType::kPid;
  if (name == "int") return ArgType::kInt;
  if (name == "bigint") return ArgType::kBigInt;
  if (name == "bool") return ArgType::kBool;
  throw "table.def: unknown argument type";
}

consteval ResultType result_type(std::string_view name) {
  if (name == "none") return ResultType::kNone;
  if (name == "value") return ResultType::kValue;
  if (name == "words") return ResultType::kWords;
  if (name == "int") return ResultType::kInt;
  if (name == "json") return ResultType::kJson;
  throw "table.def: unknown result type";
}

// "name:type", "name?:type", "name?1:type" or "name*:type".
consteval ArgSpec parse_arg(std::string_view spec) {
  const size_t colon = spec.find(':');
  if (colon == std::string_view::npos) throw "table.def: an argument without a type";
  std::string_view name = spec.substr(0, colon);
  ArgKind kind = ArgKind::kRequired;
  if (name.ends_with("?1")) {
    kind = ArgKind::kOptionalPositional;
    name.remove_suffix(2);
  } else if (name.ends_with('?')) {
    kind = ArgKind::kOptionalKey;
    name.remove_suffix(1);
  } else if (name.ends_with('*')) {
    kind = ArgKind::kRest;
    name.remove_suffix(1);
  }
  if (name.empty()) throw "table.def: an argument without a name";
  return {name, arg_type(spec.substr(colon + 1)), kind};
}

consteval RowArgs parse_args(std::string_view specs) {
  RowArgs row;
  auto last = ArgKind::kRequired;
  while (!specs.empty()) {
    const size_t space = specs.find(' ');
    const ArgSpec arg = parse_arg(specs.substr(0, space));
    // Positionals come first and nothing follows a rest, so that a frame can be read from left to right.
    if (last == ArgKind::kRest || (arg.kind != ArgKind::kOptionalKey && last == ArgKind::kOptionalKey))
      throw "table.def: arguments in a wrong order";
    if (arg.kind == ArgKind::kRequired && last != ArgKind::kRequired)
      throw "table.def: arguments in a wrong order";
    last = arg.kind;
    row.args[row.size++] = arg;
    specs = space == std::string_view::npos ? std::string_view() : specs.substr(space + 1);
  }
  return row;
}

consteval auto parse_rows() {
  std::array<RowArgs, kRows> rows{};
  for (size_t i = 0; i < kRows; ++i) {
    if (i > 0 && kRaw[i].number <= kRaw[i - 1].number) throw "table.def: numbers must ascend";
    rows[i] = parse_args(kRaw[i].args);
  }
  return rows;
}

constexpr auto kArgs = parse_rows();

consteval auto make_table() {
  std::array<CallSpec, kRows> table{};
  for (size_t i = 0; i < kRows; ++i) {
    const RawRow& raw = kRaw[i];
    const bool blocks = raw.flags.find('B') != std::string_view::npos;
    const bool durable = raw.flags.find('D') != std::string_view::npos;
    const bool no_return = raw.flags.find('N') != std::string_view::npos;
    table[i] = {raw.number,
                raw.text,
                raw.c_name,
                {kArgs[i].args.data(), kArgs[i].size},
                result_type(raw.result),
                raw.right,
                blocks,
                durable,
                no_return,
                raw.meaning};
  }
  return table;
}

constexpr std::array<CallSpec, kRows> kTable = make_table();

using Key = std::string_view CallSpec::*;

// Indices of the table sorted by one of its names.
consteval auto sorted_by(Key key) {
  std::array<uint16_t, kRows> order{};
  for (size_t i = 0; i < kRows; ++i) order[i] = static_cast<uint16_t>(i);
  std::sort(order.begin(), order.end(),
            [key](uint16_t a, uint16_t b) { return kTable[a].*key < kTable[b].*key; });
  return order;
}

const CallSpec* find_by(const std::array<uint16_t, kRows>& order, Key key, std::string_view name) {
  const auto at = std::lower_bound(order.begin(), order.end(), name,
                                   [key](uint16_t i, std::string_view n) { return kTable[i].*key < n; });
  return at != order.end() && kTable[*at].*key == name ? &kTable[*at] : nullptr;
}

Status bad(std::string_view name, std::string_view why) {
  return fail(ErrorCode::EINVAL_, fmt::format("{}: {}", name, why));
}

Status check_size(const ArgSpec& arg, std::string_view text, size_t most) {
  if (text.size() <= most) return {};
  return fail(ErrorCode::ETOOBIG_, fmt::format("{}: {} bytes, at most {}", arg.name, text.size(), most));
}

Status check_cell(const ArgSpec& arg, std::string_view text) {
  if (text.starts_with('@')) text.remove_prefix(1);
  if (text.empty()) return bad(arg.name, "a cell's name must not be empty");
  return check_size(arg, text, PHI_CELL_NAME_MAX);
}

Status check_pid(const ArgSpec& arg, std::string_view text) {
  uint64_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (text == "any" || (error == std::errc() && end == text.data() + text.size() && pid != 0)) return {};
  return bad(arg.name, fmt::format("a pid or \"any\" expected, not {}", quote_word(text.substr(0, 32))));
}

Status check_bounds(const ArgSpec& arg, std::string_view text) {
  switch (arg.type) {
    case ArgType::kCell:
      return check_cell(arg, text);
    case ArgType::kValue:
      return check_size(arg, text, PHI_CELL_MAX);
    case ArgType::kText:
      return check_size(arg, text, PHI_PROGRAM_MAX);
    case ArgType::kName:
      if (text.empty()) return bad(arg.name, "a name must not be empty");
      return check_size(arg, text, PHI_NAME_MAX);
    case ArgType::kPid:
      return check_pid(arg, text);
    case ArgType::kBigInt:
      return check_size(arg, text, PHI_CELL_MAX);
    case ArgType::kLabel:
    case ArgType::kInt:
    case ArgType::kBool:
      return {};
  }
  return {};
}

Status check_arg(const ArgSpec& arg, std::string_view text) {
  if (!is_utf8(text)) return bad(arg.name, "must be UTF-8");
  if (text.find('\0') != std::string_view::npos) return bad(arg.name, "must not contain NUL");
  TRY(check_arg_form(arg, text));
  return check_bounds(arg, text);
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_sign(std::string_view text) { return text.starts_with('-') ? text.substr(1) : text; }

}  // namespace

std::span<const CallSpec> call_table() { return kTable; }

const CallSpec* find_call(uint16_t number) {
  const auto at = std::lower_bound(kTable.begin(), kTable.end(), number,
                                   [](const CallSpec& spec, uint16_t n) { return spec.number < n; });
  return at != kTable.end() && at->number == number ? &*at : nullptr;
}

const CallSpec* find_call_by_text(std::string_view text) {
  static constexpr auto kOrder = sorted_by(&CallSpec::text);
  return text.empty() ? nullptr : find_by(kOrder, &CallSpec::text, text);
}

const CallSpec* find_call_by_name(std::string_view c_name) {
  static constexpr auto kOrder = sorted_by(&CallSpec::c_name);
  return find_by(kOrder, &CallSpec::c_name, c_name);
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= PHI_LABEL_MAX && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::optional<int64_t> parse_int(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Status check_arg_form(const ArgSpec& arg, std::string_view text) {
  const auto shown = [&] { return quote_word(text.substr(0, std::min<size_t>(text.size(), 32))); };
  switch (arg.type) {
    case ArgType::kInt:
      if (parse_int(text)) return {};
      return bad(arg.name, fmt::format("an integer of 64 bits expected, not {}", shown()));
    case ArgType::kBigInt:
      if (is_digits(without_sign(text))) return {};
      return bad(arg.name, fmt::format("an integer expected, not {}", shown()));
    case ArgType::kPid:
      if (text == "any" || parse_int(text)) return {};
      return bad(arg.name, fmt::format("a pid or \"any\" expected, not {}", shown()));
    case ArgType::kLabel:
      if (is_label(text)) return {};
      return bad(arg.name,
                 fmt::format("a label is 1 to {} of [A-Za-z0-9_-], not {}", PHI_LABEL_MAX, shown()));
    case ArgType::kBool:
      if (text == "0" || text == "1" || text == "false" || text == "true") return {};
      return bad(arg.name, fmt::format("0, 1, false or true expected, not {}", shown()));
    case ArgType::kCell:
    case ArgType::kValue:
    case ArgType::kText:
    case ArgType::kName:
      return {};
  }
  return {};
}

Status check_call(const Call& call) {
  if (call.spec == nullptr) return fail(ErrorCode::ENOSYS_, "no such call");
  const auto specs = call.spec->args;
  const bool has_rest = !specs.empty() && specs.back().kind == ArgKind::kRest;
  const size_t slots = specs.size() - (has_rest ? 1 : 0);
  if (call.args.size() != slots)
    return bad(call.spec->c_name, fmt::format("{} argument slots, {} given", slots, call.args.size()));
  if (slots + call.rest.size() > PHI_ARGS_MAX)
    return fail(ErrorCode::ETOOBIG_, fmt::format("{}: {} arguments, at most {}", call.spec->c_name,
                                                 slots + call.rest.size(), PHI_ARGS_MAX));
  for (size_t i = 0; i < slots; ++i) {
    if (call.args[i]) {
      TRY(check_arg(specs[i], *call.args[i]));
    } else if (specs[i].kind == ArgKind::kRequired) {
      return bad(specs[i].name, "is missing");
    }
  }
  if (!has_rest && !call.rest.empty()) return bad(call.spec->c_name, "too many arguments");
  for (const std::string& word : call.rest) TRY(check_arg(specs.back(), word));
  return {};
}

}  // namespace phios
