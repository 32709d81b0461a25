#include "syscalls/codec/chat.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "syscalls/codec/text.h"

namespace phios {
namespace {

using Json = nlohmann::ordered_json;

std::string_view type_meaning(ArgType type) {
  switch (type) {
    case ArgType::kCell:
      return "a cell's name, or @name: the name is read from that cell";
    case ArgType::kPid:
      return "a pid, or any";
    case ArgType::kBigInt:
      return "an integer of any size";
    case ArgType::kLabel:
      return "a label of the program";
    case ArgType::kName:
      return "a name";
    case ArgType::kValue:
    case ArgType::kText:
    case ArgType::kInt:
    case ArgType::kBool:
      return {};
  }
  return {};
}

Json argument_schema(const ArgSpec& arg) {
  Json schema;
  switch (arg.type) {
    case ArgType::kInt:
      schema["type"] = "integer";
      break;
    case ArgType::kBool:
      schema["type"] = "boolean";
      break;
    case ArgType::kBigInt:
      schema["type"] = {"integer", "string"};
      break;
    default:
      schema["type"] = "string";
  }
  if (!type_meaning(arg.type).empty()) schema["description"] = type_meaning(arg.type);
  if (arg.kind == ArgKind::kRest) return {{"type", "array"}, {"items", std::move(schema)}};
  return schema;
}

// Where the rights name every value that the argument may have, the schema lists them.
void limit_to_scopes(Json& schema, const std::vector<std::string>& scopes) {
  const auto open = [](const std::string& scope) { return scope.ends_with('*'); };
  if (!scopes.empty() && std::none_of(scopes.begin(), scopes.end(), open)) schema["enum"] = scopes;
}

Json call_schema(const CallSpec& spec, const RightSet& rights) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const ArgSpec& arg : spec.args) {
    properties[std::string(arg.name)] = argument_schema(arg);
    if (arg.kind == ArgKind::kRequired) required.push_back(arg.name);
  }
  if (const auto scope = scope_argument(spec))
    limit_to_scopes(properties[std::string(spec.args[*scope].name)], rights.scopes(spec));
  return {{"type", "function"},
          {"function",
           {{"name", spec.c_name},
            {"description", spec.meaning},
            {"parameters",
             {{"type", "object"},
              {"properties", std::move(properties)},
              {"required", std::move(required)},
              {"additionalProperties", false}}}}}};
}

bool is_offered(const CallSpec& spec, const RightSet& rights) {
  return !spec.text.empty() && rights.may_call(spec);
}

}  // namespace

std::string_view type_name(ArgType type) {
  static constexpr std::string_view kNames[] = {"cell", "value", "text",   "name", "label",
                                                "pid",  "int",   "bigint", "bool"};
  return kNames[static_cast<size_t>(type)];
}

std::string_view type_name(ResultType type) {
  static constexpr std::string_view kNames[] = {"none", "value", "words", "int", "json"};
  return kNames[static_cast<size_t>(type)];
}

std::string call_usage(const CallSpec& spec) {
  std::string out(spec.text.empty() ? spec.c_name : spec.text);
  for (const ArgSpec& arg : spec.args) {
    switch (arg.kind) {
      case ArgKind::kRequired:
        out += fmt::format(" {}", arg.name);
        break;
      case ArgKind::kOptionalPositional:
        out += fmt::format(" [{}]", arg.name);
        break;
      case ArgKind::kOptionalKey:
        out += fmt::format(" [{}={}]", arg.name, type_name(arg.type));
        break;
      case ArgKind::kRest:
        out += fmt::format(" [{}…]", arg.name);
        break;
    }
  }
  if (spec.result != ResultType::kNone) out += fmt::format(" → {}", type_name(spec.result));
  return out;
}

std::string tool_schemas(const RightSet& rights) {
  Json schemas = Json::array();
  for (const CallSpec& spec : call_table())
    if (is_offered(spec, rights)) schemas.push_back(call_schema(spec, rights));
  return schemas.dump(2);
}

std::string system_prompt(const RightSet& rights) {
  std::string out = fmt::format(
      "You run as a process of an operating system and act by system calls. A call is one frame:\n"
      "{0}NAME argument argument key=value{1}\n"
      "Its answer follows at once, as {2}value{1} or {2}!ECODE message{1}; then go on.\n"
      "One space stands between words. An argument is a bare word of A-Z a-z 0-9 _ . / : + @ - or a JSON "
      "string.\n"
      "Cells are named values that outlast this text: name is your own, /shm/name the group's, /mem/name "
      "durable;\n"
      "@name means the cell whose name stands in the cell name. Arguments in [ ] are optional. The calls:\n",
      kMarkerSys, kMarkerEnd, kMarkerRet);
  for (const CallSpec& spec : call_table()) {
    if (!is_offered(spec, rights)) continue;
    out += fmt::format("{}: {}", call_usage(spec), spec.meaning);
    const std::vector<std::string> scopes = rights.scopes(spec);
    if (const auto scope = scope_argument(spec); scope && scopes != std::vector<std::string>{"*"}) {
      out += fmt::format("; {} is one of", spec.args[*scope].name);
      for (const std::string& name : scopes) out += ' ' + name;
    }
    out += '\n';
  }
  return out;
}

}  // namespace phios
