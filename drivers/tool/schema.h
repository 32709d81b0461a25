// The JSON schema of a tool's arguments: the part of JSON Schema that manifests may use, and arguments held
// against it.
//
// Ownership: copies of a Schema share it. Threads: any, it never changes. Errors: EINVAL_, with the key of
// the schema or the name of the argument.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios::tool {

// Objects keep the order in which their keys were written: it is the order of positional arguments.
using Json = nlohmann::ordered_json;

inline constexpr size_t kParametersMax = 32;
inline constexpr size_t kJsonDepthMax = 32;

// Text → JSON, bounded in depth; a message instead of an exception. `what` names the text in the message.
Result<Json> parse_json(std::string_view text, std::string_view what);

class Schema {
 public:
  // {"type": "object", "properties": {…}, "required": […]}; see docs/formats/manifest.md.
  static Result<Schema> parse(Json schema);

  // Positional words, or one word that is a JSON object, → the object of arguments, checked.
  Result<Json> arguments(const std::vector<std::string>& words) const;

  // "expression [places]"
  std::string signature() const;
  bool has(std::string_view name) const;
  size_t parameters() const;
  std::string text() const;

 private:
  Status check(const Json& arguments) const;
  bool required(const std::string& name) const;

  std::shared_ptr<const Json> schema_;  // shared by copies: it never changes
};

}  // namespace phios::tool
