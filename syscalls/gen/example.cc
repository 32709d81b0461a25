#include <fmt/core.h>

#include <array>
#include <utility>

#include "syscalls/codec/text.h"
#include "syscalls/gen/generate.h"

namespace phios::gen {
namespace {

struct Sample {
  std::string_view call;  // "" for every call
  std::string_view argument;
  std::string_view value;  // "" leaves an optional argument away
};

// The first that fits is taken.
constexpr std::array kSamples = {
    Sample{"mem_list", "prefix", "/mem/"},
    Sample{"mem_cas", "new", "2"},
    Sample{"mem_add", "n", "-1"},
    Sample{"ctx_list", "prefix", "draft"},
    Sample{"ctx_append", "origin", ""},
    Sample{"ctx_append", "label", ""},
    Sample{"ctx_generate", "temperature", "0.7"},
    Sample{"ctx_generate", "max_tokens", "64"},
    Sample{"ctx_generate", "", ""},
    Sample{"drv_retrieve", "query", "Who wrote Emma?"},
    Sample{"drv_tools", "query", "arithmetic"},
    Sample{"drv_tool", "name", "calc"},
    Sample{"drv_tool", "args", "7 + 7"},
    Sample{"drv_solve", "program", "(declare-const x Int)(assert (> x 1))(check-sat)"},
    Sample{"drv_solve", "language", "smt2"},
    Sample{"drv_solve", "ms", ""},
    Sample{"proc_spawn", "args", "What is 7 + 7?"},
    Sample{"proc_exec", "args", "What is 7 + 7?"},
    Sample{"proc_limit", "resource", "tokens"},
    Sample{"proc_signal", "signal", "term"},
    Sample{"proc_exit", "value", "14"},
    Sample{"model_open", "name", "nano"},
    Sample{"io_open", "mode", "r"},
    Sample{"io_read", "n", "4096"},
    Sample{"io_input", "prompt", "name?"},
    Sample{"sys_random", "n", "6"},
    Sample{"", "amount", "4096"},
    Sample{"", "cell", "n"},
    Sample{"", "collection", "default"},
    Sample{"", "dst", "b"},
    Sample{"", "from", "log"},
    Sample{"", "group", "0"},
    Sample{"", "handle", "3"},
    Sample{"", "id", "doc1"},
    Sample{"", "if", "n"},
    Sample{"", "in", "default"},
    Sample{"", "k", "2"},
    Sample{"", "label", "loop"},
    Sample{"", "last", "64"},
    Sample{"", "limit", "10"},
    Sample{"", "ms", "1000"},
    Sample{"", "n", "2"},
    Sample{"", "name", "draft"},
    Sample{"", "niceness", "5"},
    Sample{"", "old", "1"},
    Sample{"", "on", "true"},
    Sample{"", "path", "notes.txt"},
    Sample{"", "pid", "7"},
    Sample{"", "policy", "keep"},
    Sample{"", "program", "solve"},
    Sample{"", "src", "a"},
    Sample{"", "text", "one line of text"},
    Sample{"", "to", "log"},
    Sample{"", "topic", "news"},
    Sample{"", "value", "hello"},
};

std::string sample(const CallSpec& spec, const ArgSpec& arg) {
  for (const Sample& s : kSamples) {
    const bool call = s.call.empty() || s.call == spec.c_name;
    const bool argument = s.argument == arg.name || (s.argument.empty() && arg.kind == ArgKind::kOptionalKey);
    if (call && argument) return std::string(s.value);
  }
  return arg.type == ArgType::kInt ? "1" : "x";
}

bool is_number(ArgType type) { return type == ArgType::kInt || type == ArgType::kPid; }

std::string c_string(std::string_view text) {
  return '"' + replaced(replaced(std::string(text), "\\", "\\\\"), "\"", "\\\"") + '"';
}

std::string c_argument(const ArgSpec& arg, const std::optional<std::string>& value) {
  if (!value) return arg.type == ArgType::kInt ? "PHI_UNSET" : "NULL";
  if (arg.type == ArgType::kBool) return *value == "true" ? "1" : "0";
  return is_number(arg.type) ? *value : c_string(*value);
}

}  // namespace

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

Call example_call(const CallSpec& spec) {
  Call call;
  call.spec = &spec;
  for (const ArgSpec& arg : spec.args) {
    std::string value = sample(spec, arg);
    if (arg.kind == ArgKind::kRest) {
      call.rest.push_back(std::move(value));
    } else if (value.empty() && arg.kind != ArgKind::kRequired) {
      call.args.emplace_back(std::nullopt);
    } else {
      call.args.emplace_back(std::move(value));
    }
  }
  return call;
}

std::string example_in_c(const Call& call) {
  const CallSpec& spec = *call.spec;
  std::string out;
  if (!call.rest.empty()) out += fmt::format("const char *const words[] = {{{}}};\n", c_string(call.rest[0]));
  out += fmt::format("phi_status status = phi_{}(proc", spec.c_name);
  for (size_t i = 0; i < call.args.size(); ++i) out += ", " + c_argument(spec.args[i], call.args[i]);
  if (!call.rest.empty()) out += ", words, 1";
  if (spec.result == ResultType::kInt) out += ", &out";
  if (spec.result != ResultType::kInt && spec.result != ResultType::kNone) out += ", buf, sizeof buf, &len";
  if (spec.blocks) out += ", phi_now() + 1000000000";
  return out + ");";
}

std::string example_in_lua(const Call& call) {
  std::string words, options;
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (!call.args[i]) continue;
    const ArgSpec& arg = call.spec->args[i];
    const bool plain = is_number(arg.type) || arg.type == ArgType::kBool || arg.type == ArgType::kBigInt;
    const std::string value = plain ? *call.args[i] : c_string(*call.args[i]);
    if (arg.kind != ArgKind::kOptionalKey) {
      words += (words.empty() ? "" : ", ") + value;
      continue;
    }
    // A word of Lua's own cannot stand as a bare key.
    const bool reserved = arg.name == "if" || arg.name == "in";
    const std::string key = reserved ? fmt::format("[\"{}\"]", arg.name) : std::string(arg.name);
    options += fmt::format("{}{} = {}", options.empty() ? "" : ", ", key, value);
  }
  for (const std::string& word : call.rest) words += (words.empty() ? "" : ", ") + c_string(word);
  if (!options.empty()) words += fmt::format("{}{{{}}}", words.empty() ? "" : ", ", options);
  return fmt::format("local result, err = phi.{}({})", lua_name(*call.spec), words);
}

std::string example_result(const CallSpec& spec) {
  if (spec.no_return) return "";
  switch (spec.result) {
    case ResultType::kNone:
      return "<|phi_ret|><|phi_end|>";
    case ResultType::kValue:
      return "<|phi_ret|>value<|phi_end|>";
    case ResultType::kWords:
      return "<|phi_ret|>one \"two words\"<|phi_end|>";
    case ResultType::kInt:
      return "<|phi_ret|>1<|phi_end|>";
    case ResultType::kJson:
      return "<|phi_ret|>\"{}\"<|phi_end|>";
  }
  return "";
}

}  // namespace phios::gen
