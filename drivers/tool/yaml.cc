#include "drivers/tool/yaml.h"

#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include "fmt/format.h"

namespace phios::tool {

namespace {

std::unexpected<Error> error_at(const YAML::Mark& mark, const std::string& what) {
  if (mark.is_null()) return fail(ErrorCode::EPARSE_, what);
  return fail(ErrorCode::EPARSE_,
              fmt::format("line {}, column {}: {}", mark.line + 1, mark.column + 1, what));
}

// A plain scalar is a number, true or false where it reads as one; in quotes it is text.
Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;
  if (text == "true" || text == "false") return text == "true";
  if (int64_t integer = 0; YAML::convert<int64_t>::decode(node, integer)) return integer;
  if (double real = 0; YAML::convert<double>::decode(node, real)) return real;
  return text;
}

Result<Json> convert(const YAML::Node& node, size_t depth, size_t& nodes) {
  if (++nodes > kYamlNodesMax)
    return fail(ErrorCode::ETOOBIG_, fmt::format("more than {} nodes", kYamlNodesMax));
  if (depth > kJsonDepthMax)
    return error_at(node.Mark(), fmt::format("nested more than {} deep", kJsonDepthMax));
  if (node.IsScalar()) return scalar(node);
  if (node.IsSequence()) {
    Json out = Json::array();
    for (const YAML::Node& item : node) out.push_back(TRY(convert(item, depth + 1, nodes)));
    return out;
  }
  if (!node.IsMap()) return Json();
  Json out = Json::object();
  for (const auto& item : node) {
    if (!item.first.IsScalar()) return error_at(item.first.Mark(), "a key that is no word");
    const std::string& key = item.first.Scalar();
    if (out.contains(key)) return error_at(item.first.Mark(), fmt::format("the key {} a second time", key));
    out[key] = TRY(convert(item.second, depth + 1, nodes));
  }
  return out;
}

}  // namespace

Result<Json> parse_yaml(const std::string& text) {
  try {
    size_t nodes = 0;
    return convert(YAML::Load(text), 0, nodes);
  } catch (const YAML::Exception& e) {
    return error_at(e.mark, e.msg);
  }
}

}  // namespace phios::tool
