#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <vector>

#include "syscalls/codec/chat.h"
#include "syscalls/codec/text.h"
#include "syscalls/gen/generate.h"

namespace phios::gen {
namespace {

struct ErrorRow {
  int number;
  std::string_view name, meaning, example;
};

constexpr std::array kErrors = {
#define PHI_ERROR(number, name, meaning, example) \
  ErrorRow{number, std::string_view(#name).substr(0, sizeof(#name) - 2), meaning, example},
#include "syscalls/abi/errors.def"
#undef PHI_ERROR
};

struct RightRow {
  std::string_view name;
  bool scoped;
  std::string_view meaning;
};

constexpr std::array kRights = {
#define PHI_RIGHT(NAME, name, scoped, meaning) RightRow{name, scoped != 0, meaning},
#include "syscalls/abi/rights.def"
#undef PHI_RIGHT
};

struct CallErrors {
  std::string_view call, errors;
};

// Beside those that follow from a row: bad arguments, a missing right, a deadline.
constexpr std::array kCallErrors = {
    CallErrors{"mem_read", "ENOENT"},
    CallErrors{"mem_write", "ELIMIT EIO EAGAIN"},
    CallErrors{"mem_move", "ENOENT ELIMIT EIO"},
    CallErrors{"mem_copy", "ENOENT ELIMIT EIO"},
    CallErrors{"mem_cas", "ELIMIT EIO"},
    CallErrors{"mem_add", "ELIMIT EIO"},
    CallErrors{"ctl_jump", "ENOENT"},
    CallErrors{"proc_spawn", "ENOENT ELIMIT"},
    CallErrors{"proc_fork", "ELIMIT"},
    CallErrors{"proc_exec", "ENOENT"},
    CallErrors{"proc_wait", "ECHILD"},
    CallErrors{"proc_signal", "ENOENT"},
    CallErrors{"proc_stat", "ENOENT"},
    CallErrors{"proc_nice", "ENOENT"},
    CallErrors{"chan_send", "ENOENT"},
    CallErrors{"ctx_load", "ENOENT"},
    CallErrors{"ctx_drop", "ENOENT"},
    CallErrors{"ctx_append", "ELIMIT"},
    CallErrors{"ctx_generate", "ELIMIT EPARSE"},
    CallErrors{"model_open", "ENOENT"},
    CallErrors{"drv_retrieve", "ENOENT EIO"},
    CallErrors{"drv_index", "EBUSY EIO"},
    CallErrors{"drv_tool", "ENOENT EIO"},
    CallErrors{"drv_solve", "ENOENT EPARSE EUNKNOWN"},
    CallErrors{"drv_get", "ENOENT EIO"},
    CallErrors{"drv_remove", "ENOENT EBUSY EIO"},
    CallErrors{"io_print", "EIO"},
    CallErrors{"io_input", "EIO"},
    CallErrors{"io_open", "ENOENT EIO"},
    CallErrors{"io_read", "EIO"},
    CallErrors{"io_write", "EIO"},
    CallErrors{"sys_trace", "ENOENT"},
};

std::string_view type_text(ArgType type) {
  switch (type) {
    case ArgType::kCell:
      return "a cell's name, or `@name`: the name is read from that cell";
    case ArgType::kValue:
      return "text, at most `PHI_CELL_MAX` bytes of UTF-8 without NUL";
    case ArgType::kText:
      return "text, at most `PHI_PROGRAM_MAX` bytes of UTF-8 without NUL";
    case ArgType::kName:
      return "a name, 1 to `PHI_NAME_MAX` bytes";
    case ArgType::kLabel:
      return "a label of the program, `[A-Za-z0-9_-]`, at most `PHI_LABEL_MAX` bytes";
    case ArgType::kPid:
      return "a pid, or `any` (in C: 0)";
    case ArgType::kInt:
      return "an integer of 64 bits in decimal";
    case ArgType::kBigInt:
      return "a decimal integer without bound";
    case ArgType::kBool:
      return "`0`, `1`, `false` or `true`";
  }
  return "";
}

std::string_view kind_text(ArgKind kind) {
  switch (kind) {
    case ArgKind::kRequired:
      return "required";
    case ArgKind::kOptionalPositional:
      return "optional";
    case ArgKind::kOptionalKey:
      return "optional, written `key=value`";
    case ArgKind::kRest:
      return "any number";
  }
  return "";
}

std::string_view result_text(ResultType type) {
  switch (type) {
    case ResultType::kNone:
      return "Nothing.";
    case ResultType::kValue:
      return "One value.";
    case ResultType::kWords:
      return "Any number of words (in C: each ended by a NUL; in Lua: a list).";
    case ResultType::kInt:
      return "An integer.";
    case ResultType::kJson:
      return "One JSON text (in Lua: decoded).";
  }
  return "";
}

std::string_view title(const CallSpec& spec) { return spec.text.empty() ? spec.c_name : spec.text; }

bool has_argument_of(const CallSpec& spec, std::initializer_list<ArgType> types) {
  return std::any_of(spec.args.begin(), spec.args.end(), [&](const ArgSpec& arg) {
    return std::find(types.begin(), types.end(), arg.type) != types.end();
  });
}

std::string errors_of(const CallSpec& spec) {
  std::string names = "EINTR";
  if (!spec.args.empty()) names += " EINVAL";
  if (!spec.right.empty()) names += " EPERM";
  if (has_argument_of(spec, {ArgType::kCell, ArgType::kValue, ArgType::kText, ArgType::kName}))
    names += " ETOOBIG";
  if (spec.blocks) names += " ETIMEDOUT";
  for (const CallErrors& row : kCallErrors)
    if (row.call == spec.c_name) names += fmt::format(" {}", row.errors);
  std::string out;
  for (const ErrorRow& error : kErrors) {
    if ((' ' + names + ' ').find(fmt::format(" {} ", error.name)) != std::string::npos)
      out += fmt::format("| {} | {} |\n", error.name, error.meaning);
  }
  return out;
}

std::string arguments_of(const CallSpec& spec) {
  if (spec.args.empty()) return "None.\n";
  std::string out = "| argument | | type |\n|---|---|---|\n";
  for (const ArgSpec& arg : spec.args)
    out += fmt::format("| `{}` | {} | {}: {} |\n", arg.name, kind_text(arg.kind), type_name(arg.type),
                       type_text(arg.type));
  return out;
}

std::string right_of(const CallSpec& spec) {
  if (spec.right.empty()) return "None.";
  std::string right(spec.right);
  const size_t percent = right.find('%');
  if (percent == std::string::npos) return fmt::format("`{}`", right);
  const auto scope = static_cast<size_t>(right[percent + 1] - '1');
  return fmt::format("`{}`, or `{}:` and the value of `{}` (or a prefix of it and `*`).",
                     right.substr(0, percent - 1), right.substr(0, percent - 1), spec.args[scope].name);
}

std::string behaviour_of(const CallSpec& spec) {
  std::string out;
  if (spec.blocks) out += " It blocks: the process waits, and the C form takes a deadline.";
  if (spec.durable_blocks) out += " It blocks where the cell is durable (`/mem/`).";
  if (spec.no_return) out += " It does not return when it succeeds.";
  return out;
}

}  // namespace

std::string call_page(const CallSpec& spec) {
  const Call call = example_call(spec);
  std::string out =
      fmt::format("<!-- Generated by phios_gen from table.def; do not edit. -->\n# {}\n\n", title(spec));
  out += fmt::format("`{}` · `phi_{}` · number {}\n\n", call_usage(spec), spec.c_name, spec.number);
  std::string meaning(spec.meaning);
  if (meaning[0] >= 'a' && meaning[0] <= 'z') meaning[0] = static_cast<char>(meaning[0] - 'a' + 'A');
  out += fmt::format("{}.{}\n\n", meaning, behaviour_of(spec));
  if (spec.text.empty()) out += "Only programs may call it: it has no frame and is offered to no model.\n\n";
  out += fmt::format("## Arguments\n\n{}\n", arguments_of(spec));
  out += fmt::format("## Result\n\n{}\n\n", result_text(spec.result));
  out += fmt::format("## Right\n\n{}\n\n", right_of(spec));
  out += fmt::format("## Errors\n\n| error | |\n|---|---|\n{}\n", errors_of(spec));
  out += "## Example\n\n";
  if (!spec.text.empty()) {
    out += fmt::format("As text:\n\n```\n{}{}{}{}\n```\n\n", kMarkerSys, print_call(call), kMarkerEnd,
                       example_result(spec));
    out += fmt::format("As a tool call:\n\n```json\n{}\n```\n\n", print_tool_json(call));
  }
  out += fmt::format("In C:\n\n```c\nphi_status phi_{}({});\n\n{}\n```\n\n", spec.c_name, c_parameters(spec),
                     example_in_c(call));
  out += fmt::format("In Lua:\n\n```lua\n{}\n```\n", example_in_lua(call));
  return out;
}

std::string index_page() {
  std::string out =
      "<!-- Generated by phios_gen from table.def, errors.def and rights.def; do not edit. -->\n# System "
      "calls\n\n"
      "Each call has four faces: a frame that a model writes, a tool call in JSON, a C function, a Lua "
      "function.\n"
      "[schemas.json](schemas.json) holds the JSON schemas. Frames are described in "
      "[frame.md](../formats/frame.md).\n\n"
      "| # | call | C | usage | right | meaning |\n|---|---|---|---|---|---|\n";
  for (const CallSpec& spec : call_table()) {
    out += fmt::format("| {} | [{}]({}.md) | `phi_{}` | `{}` | {} | {} |\n", spec.number,
                       spec.text.empty() ? "–" : spec.text, spec.c_name, spec.c_name,
                       replaced(call_usage(spec), "|", "\\|"),
                       spec.right.empty() ? "–" : fmt::format("`{}`", spec.right), spec.meaning);
  }
  out +=
      "\n`%N` in a right stands for the N-th argument.\n\n## Errors\n\n| # | error | meaning | example "
      "|\n|---|---|---|---|\n";
  for (const ErrorRow& error : kErrors)
    out += fmt::format("| {} | {} | {} | {} |\n", error.number, error.name, error.meaning,
                       replaced(std::string(error.example), "|", "\\|"));
  out +=
      "\n## Rights\n\nA child's rights are a subset of its parent's. A scope is a name, or a prefix and `*`. "
      "`noun` alone is every verb of it, `*` everything.\n\n"
      "| right | scope | meaning |\n|---|---|---|\n";
  for (const RightRow& right : kRights)
    out += fmt::format("| `{}` | {} | {} |\n", right.name, right.scoped ? "yes" : "–", right.meaning);
  return out;
}

}  // namespace phios::gen
