#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "syscalls/codec/text.h"

namespace phios {
namespace {

using Json = nlohmann::ordered_json;

struct Value {
  std::vector<std::string> words;
  bool is_null = false;
  bool is_array = false;
  bool is_string = false;
};

// Reads the one shape that a tool call has, as events: nothing is built that is not needed, and numbers stay
// the digits that they were written with.
class ToolCallReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  // `inner`: the text is the arguments' object alone.
  explicit ToolCallReader(bool inner) : inner_(inner) {}

  std::string name;
  std::vector<std::pair<std::string, Value>> arguments;
  std::optional<std::string> arguments_text;  // "arguments" was a string
  Error error;

  bool null() override { return take({}, true, false); }
  bool boolean(bool value) override { return take(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return take(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return take(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& digits) override { return take(digits); }
  bool string(string_t& value) override { return take(std::move(value), false, true); }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool start_object(std::size_t) override {
    ++depth_;
    if (level() == 1) return true;
    if (level() == 2 && is_arguments()) return true;
    return refuse("an object is not expected here");
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (level() != 2 || in_array_) return refuse("an array is not expected here");
    in_array_ = true;
    arguments.back().second.is_array = true;
    return true;
  }
  bool end_array() override {
    in_array_ = false;
    return true;
  }
  bool key(string_t& key) override {
    if (level() == 1) {
      top_key_ = key;
      return key == "name" || is_arguments() ? true : refuse(fmt::format("unknown key {}", quote_word(key)));
    }
    arguments.emplace_back(key, Value{});
    if (arguments.size() > PHI_ARGS_MAX) return refuse("too many arguments");
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    if (error.message.empty()) error = {ErrorCode::EPARSE_, fmt::format("column {}: no JSON", position)};
    return false;
  }

 private:
  size_t level() const { return depth_ + (inner_ ? 1 : 0); }
  bool is_arguments() const { return inner_ || top_key_ == "arguments" || top_key_ == "parameters"; }
  bool refuse(std::string message) {
    const std::string where = level() == 2 && !arguments.empty() ? arguments.back().first : top_key_;
    error = {ErrorCode::EPARSE_, where.empty() ? std::move(message) : fmt::format("{}: {}", where, message)};
    return false;
  }
  bool take(std::string text, bool is_null = false, bool is_string = false) {
    if (level() == 2) {
      Value& value = arguments.back().second;
      if (value.is_array && !in_array_) return refuse("stands twice");
      if (value.words.size() >= PHI_ARGS_MAX) return refuse("too many arguments");
      value.is_null = is_null;
      value.is_string = is_string;
      if (!is_null) value.words.push_back(std::move(text));
      return true;
    }
    if (level() != 1) return refuse("an object expected");
    if (top_key_ == "name" && is_string) {
      name = std::move(text);
    } else if (is_arguments() && is_string) {
      arguments_text = std::move(text);
    } else if (!(is_arguments() && is_null)) {
      return refuse("not of this type");
    }
    return true;
  }

  bool inner_;
  bool in_array_ = false;
  size_t depth_ = 0;
  std::string top_key_;
};

Status read(ToolCallReader& reader, std::string_view json) {
  if (!is_utf8(json)) return fail(ErrorCode::EPARSE_, "a tool call must be UTF-8");
  if (nlohmann::json::sax_parse(json.begin(), json.end(), &reader)) return {};
  return std::unexpected(reader.error);
}

Status fill(Call& call, const std::string& key, Value value) {
  const auto specs = call.spec->args;
  const auto at =
      std::find_if(specs.begin(), specs.end(), [&](const ArgSpec& arg) { return arg.name == key; });
  if (at == specs.end())
    return fail(ErrorCode::EINVAL_, fmt::format("{} has no argument {}", call.spec->c_name, quote_word(key)));
  if (value.is_null && !value.is_array) return {};
  if (at->kind == ArgKind::kRest) {
    if (!call.rest.empty()) return fail(ErrorCode::EINVAL_, fmt::format("{}: stands twice", key));
    call.rest = std::move(value.words);
    return {};
  }
  auto& slot = call.args[static_cast<size_t>(at - specs.begin())];
  if (value.is_array)
    return fail(ErrorCode::EINVAL_, fmt::format("{}: one value expected, not an array", key));
  if (slot) return fail(ErrorCode::EINVAL_, fmt::format("{}: stands twice", key));
  slot = std::move(value.words.front());
  return {};
}

// Is the text exactly how JSON would print that integer?
bool is_json_integer(std::string_view text) {
  const std::optional<int64_t> value = parse_int(text);
  return value && std::to_string(*value) == text;
}

Json as_json(const ArgSpec& arg, const std::string& text) {
  if (arg.type == ArgType::kInt && is_json_integer(text)) return *parse_int(text);
  if (arg.type == ArgType::kBool && (text == "true" || text == "false")) return text == "true";
  return text;
}

}  // namespace

Result<Call> parse_tool_json(std::string_view json) {
  ToolCallReader outer(false);
  TRY(read(outer, json));
  auto arguments = std::move(outer.arguments);
  if (outer.arguments_text) {
    ToolCallReader inner(true);
    TRY(read(inner, *outer.arguments_text));
    arguments = std::move(inner.arguments);
  }
  const CallSpec* spec = find_call_by_name(outer.name);
  if (spec == nullptr)
    return fail(ErrorCode::ENOSYS_, fmt::format("{}: no call of that name",
                                                quote_word(std::string_view(outer.name).substr(0, 32))));
  if (spec->text.empty())
    return fail(ErrorCode::ENOSYS_, fmt::format("{}: only programs may call it", spec->c_name));
  Call call;
  call.spec = spec;
  const bool has_rest = !spec->args.empty() && spec->args.back().kind == ArgKind::kRest;
  call.args.resize(spec->args.size() - (has_rest ? 1 : 0));
  for (auto& [key, value] : arguments) TRY(fill(call, key, std::move(value)));
  TRY(check_call(call));
  return call;
}

std::string print_tool_json(const Call& call) {
  Json arguments = Json::object();
  for (size_t i = 0; i < call.args.size(); ++i) {
    const ArgSpec& arg = call.spec->args[i];
    if (call.args[i]) arguments[std::string(arg.name)] = as_json(arg, *call.args[i]);
  }
  if (!call.rest.empty()) {
    Json& rest = arguments[std::string(call.spec->args.back().name)] = Json::array();
    for (const std::string& word : call.rest) rest.push_back(as_json(call.spec->args.back(), word));
  }
  const Json json = {{"name", call.spec->c_name}, {"arguments", std::move(arguments)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace phios
