#include "drivers/tool/schema.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "fmt/format.h"

namespace phios::tool {

namespace {

constexpr std::array<std::string_view, 6> kTypes = {"string",  "integer", "number",
                                                    "boolean", "array",   "object"};
// What says something about a parameter without bounding it.
constexpr std::array<std::string_view, 4> kNotes = {"description", "title", "examples", "default"};

template <class... Parts>
std::unexpected<Error> invalid(fmt::format_string<Parts...> text, Parts&&... parts) {
  return fail(ErrorCode::EINVAL_, fmt::format(text, std::forward<Parts>(parts)...));
}

bool is_note(std::string_view key) { return std::ranges::find(kNotes, key) != kNotes.end(); }

bool has_type(const Json& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  return value.is_object();
}

Status check_type_name(const Json& type, const std::string& where) {
  if (type.is_string() && std::ranges::find(kTypes, type.get_ref<const std::string&>()) != kTypes.end())
    return {};
  return invalid("{}.type: one of string, integer, number, boolean, array, object expected", where);
}

// One parameter's schema: every key that bounds it is known, so that no bound is silently dropped.
Status check_parameter(const std::string& name, const Json& parameter) {
  const std::string where = "schema.properties." + name;
  if (!parameter.is_object()) return invalid("{}: an object expected", where);
  if (!parameter.contains("type")) return invalid("{}.type: missing", where);
  for (const auto& [key, value] : parameter.items()) {
    if (is_note(key)) continue;
    const bool number_bound = key == "minimum" || key == "maximum";
    const bool length_bound = key == "minLength" || key == "maxLength";
    if (key == "type") {
      TRY(check_type_name(value, where));
    } else if (key == "enum") {
      if (!value.is_array() || value.empty()) return invalid("{}.enum: a list of values expected", where);
    } else if (key == "items") {
      if (!value.is_object() || !value.contains("type"))
        return invalid("{}.items: only {{type: …}} is read", where);
      TRY(check_type_name(value["type"], where + ".items"));
    } else if (number_bound || length_bound) {
      if (!value.is_number()) return invalid("{}.{}: a number expected", where, key);
    } else {
      return invalid(
          "{}.{}: not supported; there are type, enum, minimum, maximum, minLength, maxLength, items", where,
          key);
    }
  }
  return {};
}

Status check_value(const std::string& name, const Json& value, const Json& parameter) {
  const auto& type = parameter["type"].get_ref<const std::string&>();
  if (!has_type(value, type)) return invalid("{}: expected {}, got {}", name, type, value.dump());
  if (parameter.contains("enum")) {
    const Json& allowed = parameter["enum"];
    if (std::ranges::find(allowed, value) == allowed.end()) {
      return invalid("{}: {} is none of {}", name, value.dump(), allowed.dump());
    }
  }
  const auto bound = [&](const char* key, auto&& broken) -> Status {
    if (!parameter.contains(key) || !broken(parameter[key].get<double>())) return {};
    return invalid("{}: {} breaks {} {}", name, value.dump(), key, parameter[key].dump());
  };
  if (value.is_number()) {
    const double v = value.get<double>();
    TRY(bound("minimum", [&](double least) { return v < least; }));
    TRY(bound("maximum", [&](double most) { return v > most; }));
  }
  if (value.is_string()) {
    // A NUL would end a word of the command early.
    if (value.get_ref<const std::string&>().find('\0') != std::string::npos)
      return invalid("{}: holds a NUL", name);
    const auto size = static_cast<double>(value.get_ref<const std::string&>().size());
    TRY(bound("minLength", [&](double least) { return size < least; }));
    TRY(bound("maxLength", [&](double most) { return size > most; }));
  }
  if (value.is_array() && parameter.contains("items")) {
    const auto& item_type = parameter["items"]["type"].get_ref<const std::string&>();
    for (const Json& item : value) {
      if (!has_type(item, item_type))
        return invalid("{}: expected {} items, got {}", name, item_type, item.dump());
    }
  }
  return {};
}

// A word is text; what another type is meant, it is read as JSON.
Result<Json> value_of(const std::string& name, const std::string& word, const Json& parameter) {
  const auto& type = parameter["type"].get_ref<const std::string&>();
  if (type == "string") return Json(word);
  auto value = parse_json(word, name);
  if (!value || !has_type(*value, type))
    return invalid("{}: expected {}, got {}", name, type, Json(word).dump());
  return value;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what) {
  bool deep = false;
  const Json::parser_callback_t bound = [&deep](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > static_cast<int>(kJsonDepthMax);
    return !deep;
  };
  try {
    Json value = Json::parse(text, bound);
    if (deep) return invalid("{}: nested more than {} deep", what, kJsonDepthMax);
    return value;
  } catch (const Json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …": the name of the class says
    // nothing.
    const std::string_view message = e.what();
    return invalid("{}: {}", what, message.substr(std::min(message.find("] ") + 2, message.size())));
  }
}

Result<Schema> Schema::parse(Json schema) {
  if (!schema.is_object()) return invalid("schema: an object expected");
  if (!schema.contains("type")) schema["type"] = "object";
  if (!schema.contains("properties")) schema["properties"] = Json::object();
  if (!schema.contains("required")) schema["required"] = Json::array();
  for (const auto& [key, value] : schema.items()) {
    const bool known = key == "type" || key == "properties" || key == "required" || key == "$schema" ||
                       (key == "additionalProperties" && value == Json(false)) || is_note(key);
    if (!known) return invalid("schema.{}: not supported; there are type, properties, required", key);
  }
  if (schema["type"] != "object") return invalid("schema.type: object expected");
  const Json& properties = schema["properties"];
  if (!properties.is_object()) return invalid("schema.properties: an object expected");
  if (properties.size() > kParametersMax) return invalid("schema.properties: more than {}", kParametersMax);
  for (const auto& [name, parameter] : properties.items()) TRY(check_parameter(name, parameter));
  if (!schema["required"].is_array()) return invalid("schema.required: a list of names expected");
  for (const Json& name : schema["required"]) {
    if (!name.is_string() || !properties.contains(name.get_ref<const std::string&>())) {
      return invalid("schema.required: {} is no property", name.dump());
    }
  }
  Schema out;
  out.schema_ = std::make_shared<const Json>(std::move(schema));
  return out;
}

Result<Json> Schema::arguments(const std::vector<std::string>& words) const {
  if (words.size() == 1 && words[0].starts_with('{')) {
    const auto object = parse_json(words[0], "the arguments");
    if (object && object->is_object()) {
      TRY(check(*object));
      return *object;
    }
  }
  const Json& properties = (*schema_)["properties"];
  if (words.size() > properties.size()) {
    return invalid("{} arguments, at most {}: {}", words.size(), properties.size(), signature());
  }
  Json object = Json::object();
  auto property = properties.begin();
  for (const std::string& word : words) {
    object[property.key()] = TRY(value_of(property.key(), word, property.value()));
    ++property;
  }
  TRY(check(object));
  return object;
}

Status Schema::check(const Json& arguments) const {
  const Json& properties = (*schema_)["properties"];
  for (const auto& [name, value] : arguments.items()) {
    if (!properties.contains(name)) return invalid("{}: no such argument: {}", name, signature());
    TRY(check_value(name, value, properties[name]));
  }
  for (const Json& name : (*schema_)["required"]) {
    if (arguments.contains(name.get_ref<const std::string&>())) continue;
    return invalid("{}: missing: {}", name.get_ref<const std::string&>(), signature());
  }
  return {};
}

bool Schema::required(const std::string& name) const {
  return std::ranges::find((*schema_)["required"], Json(name)) != (*schema_)["required"].end();
}

size_t Schema::parameters() const { return (*schema_)["properties"].size(); }

std::string Schema::text() const { return schema_->dump(); }

bool Schema::has(std::string_view name) const { return (*schema_)["properties"].contains(std::string(name)); }

std::string Schema::signature() const {
  std::string out;
  for (const auto& [name, parameter] : (*schema_)["properties"].items()) {
    if (!out.empty()) out += ' ';
    out += required(name) ? name : '[' + name + ']';
  }
  return out.empty() ? "no arguments" : out;
}

}  // namespace phios::tool
