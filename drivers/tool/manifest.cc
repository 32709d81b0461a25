#include "drivers/tool/manifest.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "drivers/api/utf8.h"
#include "drivers/tool/yaml.h"
#include "fmt/format.h"
#include "syscalls/abi/limits.h"

namespace phios::tool {

namespace {

constexpr size_t kNameMax = 64;
constexpr size_t kSummaryMax = 500;
constexpr size_t kCommandMax = 256;  // words
constexpr std::string_view kPath = "PATH=/usr/local/bin:/usr/bin:/bin";

std::unexpected<Error> invalid(std::string_view key, std::string_view what) {
  return fail(ErrorCode::EINVAL_, fmt::format("{}: {}", key, what));
}

Result<std::string> text_of(const Json& manifest, const char* key, size_t max) {
  if (!manifest.contains(key)) return invalid(key, "missing");
  if (!manifest[key].is_string()) return invalid(key, "text expected");
  std::string text = manifest[key].get<std::string>();
  if (text.empty() || text.size() > max) return invalid(key, fmt::format("1 to {} bytes expected", max));
  return text;
}

Result<int64_t> integer_of(const Json& manifest, const char* key, int64_t fallback, int64_t max) {
  if (!manifest.contains(key)) return fallback;
  if (!manifest[key].is_number_integer()) return invalid(key, "an integer expected");
  const auto value = manifest[key].get<int64_t>();
  if (value < 1 || value > max) return invalid(key, fmt::format("1 to {} expected", max));
  return value;
}

bool is_name(std::string_view name) {
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && name[0] != '-' && name[0] != '.' && std::ranges::all_of(name, word);
}

// Calls text(plain) and argument(name) for the parts of "wc --{mode} {file}"; "{{" and "}}" are braces.
template <class Text, class Argument>
Status walk(std::string_view pattern, Text&& text, Argument&& argument) {
  for (size_t i = 0; i < pattern.size();) {
    if (pattern.substr(i).starts_with("{{") || pattern.substr(i).starts_with("}}")) {
      text(pattern.substr(i, 1));
      i += 2;
    } else if (pattern[i] == '{') {
      const size_t end = pattern.find('}', i);
      if (end == std::string_view::npos)
        return fail(ErrorCode::EINVAL_, "'{' without '}'; a brace is written '{{'");
      TRY(argument(pattern.substr(i + 1, end - i - 1)));
      i = end + 1;
    } else {
      text(pattern.substr(i++, 1));
    }
  }
  return {};
}

Status check_pattern(std::string_view key, std::string_view pattern, const Schema& schema, bool& used) {
  const auto argument = [&](std::string_view name) -> Status {
    used = true;
    if (schema.has(name)) return {};
    return fail(ErrorCode::EINVAL_, fmt::format("{{{}}} is no argument of the schema", name));
  };
  const Status status = walk(pattern, [](std::string_view) {}, argument);
  return status ? status : invalid(key, status.error().message);
}

Result<std::vector<std::string>> command_of(const Json& manifest, const Schema& schema,
                                            bool& uses_arguments) {
  constexpr const char* kKey = "command";
  if (!manifest.contains(kKey)) return invalid(kKey, "missing");
  const Json& list = manifest[kKey];
  if (!list.is_array() || list.empty()) return invalid(kKey, "a list of words expected: [program, word, …]");
  if (list.size() > kCommandMax) return invalid(kKey, fmt::format("more than {} words", kCommandMax));
  std::vector<std::string> words;
  for (const Json& word : list) {
    // Numbers stand unquoted in YAML; what the program gets is text in any case.
    words.push_back(word.is_string() ? word.get<std::string>() : word.dump());
    TRY(check_pattern(kKey, words.back(), schema, uses_arguments));
  }
  if (words[0].empty() || words[0].find('{') != std::string::npos) {
    return invalid(kKey, "the program is fixed: its name takes no argument");
  }
  return words;
}

Result<std::vector<std::string>> env_of(const Json& manifest) {
  const char* home = std::getenv("HOME");
  std::map<std::string, std::string> variables{{"LANG", "C.UTF-8"}, {"HOME", home == nullptr ? "/" : home}};
  std::vector<std::string> out;
  bool own_path = false;
  if (manifest.contains("env")) {
    if (!manifest["env"].is_object()) return invalid("env", "NAME: value pairs expected");
    for (const auto& [name, value] : manifest["env"].items()) {
      if (name.empty() || name.find('=') != std::string::npos)
        return invalid("env." + name, "no variable's name");
      variables[name] = value.is_string() ? value.get<std::string>() : value.dump();
      own_path = own_path || name == "PATH";
    }
  }
  out.reserve(variables.size() + 1);
  for (const auto& [name, value] : variables) out.push_back(fmt::format("{}={}", name, value));
  if (!own_path) out.emplace_back(kPath);
  return out;
}

constexpr std::array<std::string_view, 8> kKeys = {"name",  "summary", "command",     "schema",
                                                   "stdin", "env",     "deadline_ms", "max_output"};

Result<Manifest> from_json(const Json& json) {
  if (!json.is_object())
    return fail(ErrorCode::EINVAL_, "keys and values expected: name, summary, command, …");
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(kKeys, key) == kKeys.end()) {
      return invalid(key, fmt::format("no such key; there are {}", fmt::join(kKeys, ", ")));
    }
  }
  Manifest out;
  out.name = TRY(text_of(json, "name", kNameMax));
  if (!is_name(out.name)) return invalid("name", "letters, digits, '_', '-' and '.' expected");
  out.summary = TRY(text_of(json, "summary", kSummaryMax));
  if (out.summary.find('\n') != std::string::npos) return invalid("summary", "one line expected");
  out.schema = TRY(Schema::parse(json.contains("schema") ? json["schema"] : Json::object()));
  bool uses_arguments = false;
  out.command = TRY(command_of(json, out.schema, uses_arguments));
  // Arguments that have no place in the command go to standard input.
  const bool to_input = !uses_arguments && out.schema.parameters() > 0;
  out.input = json.contains("stdin") ? TRY(text_of(json, "stdin", kManifestMax)) : to_input ? "json" : "none";
  TRY(check_pattern("stdin", out.input, out.schema, uses_arguments));
  out.env = TRY(env_of(json));
  out.deadline_ms = TRY(integer_of(json, "deadline_ms", kDeadlineDefaultMs, kDeadlineMaxMs));
  out.output_max =
      static_cast<size_t>(TRY(integer_of(json, "max_output", PHI_TOOL_OUTPUT_MAX, PHI_TOOL_OUTPUT_MAX)));
  return out;
}

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// The pattern with its arguments; `absent` is set when one was not given.
std::string filled(std::string_view pattern, const Json& arguments, bool& absent) {
  std::string out;
  const auto argument = [&](std::string_view name) -> Status {
    const auto it = arguments.find(std::string(name));
    if (it == arguments.end()) {
      absent = true;
    } else {
      out += plain(*it);
    }
    return {};
  };
  // The pattern was checked when the manifest was read: it has no error left to report.
  static_cast<void>(walk(pattern, [&](std::string_view text) { out += text; }, argument));
  return out;
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text, ManifestFormat format, const std::string& file) {
  const auto at_file = [&](Error error) {
    error.message = fmt::format("{}: {}", file, error.message);
    return std::unexpected(std::move(error));
  };
  if (text.size() > kManifestMax) {
    return at_file({ErrorCode::ETOOBIG_, fmt::format("more than {} bytes", kManifestMax)});
  }
  if (const size_t bad = find_bad_utf8(text); bad != std::string_view::npos) {
    return at_file({ErrorCode::EPARSE_, fmt::format("byte {}: no UTF-8 text", bad + 1)});
  }
  auto json = format == ManifestFormat::kJson ? parse_json(text, "JSON") : parse_yaml(std::string(text));
  if (!json) return at_file(std::move(json).error());
  auto manifest = from_json(*json);
  if (!manifest) return at_file(std::move(manifest).error());
  manifest->file = file;
  manifest->directory = std::filesystem::path(file).parent_path().string();
  return manifest;
}

Result<Manifest> read_manifest(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorCode::EIO_, fmt::format("{}: no file that can be read", path));
  }
  std::ifstream in(path, std::ios::binary);
  std::string text(kManifestMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (in.bad() || (!in.is_open())) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be read", path));
  const ManifestFormat format = path.ends_with(".json") ? ManifestFormat::kJson : ManifestFormat::kYaml;
  return parse_manifest(text, format, std::filesystem::absolute(path).string());
}

ChildSpec child_of(const Manifest& manifest, const Json& arguments, Nanos deadline) {
  ChildSpec spec;
  for (const std::string& word : manifest.command) {
    bool absent = false;
    std::string text = filled(word, arguments, absent);
    // A word for an argument that was not given is left out: "--unit={unit}" with no unit.
    if (!absent) spec.argv.push_back(std::move(text));
  }
  bool absent = false;
  if (manifest.input == "json") {
    spec.input = arguments.dump() + "\n";
  } else if (manifest.input != "none") {
    spec.input = filled(manifest.input, arguments, absent);
  }
  spec.env = manifest.env;
  spec.directory = manifest.directory;
  spec.output_max = manifest.output_max;
  spec.deadline = deadline;
  return spec;
}

}  // namespace phios::tool
