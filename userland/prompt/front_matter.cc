#include "userland/prompt/front_matter.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "syscalls/abi/utf8.h"

namespace phios::prompt {
namespace {

constexpr size_t kFrontMatterMax = 65'536;  // bytes
constexpr int kFirstLine = 2;               // of the YAML in the file; yaml-cpp counts from 0

enum class Shape { kList, kSampling, kLimits, kWord, kYesNo };

struct Key {
  std::string_view name;
  Shape shape;
  std::string_view option;  // of phi_prompt_option; a map's entries name their own
};

constexpr std::array kKeys = {
    Key{"rights", Shape::kList, "right"},
    Key{"form", Shape::kList, "form"},
    Key{"stop", Shape::kList, "stop"},
    Key{"limits", Shape::kLimits, "limit"},
    Key{"sampling", Shape::kSampling, ""},
    Key{"context", Shape::kWord, "context"},
    Key{"free_text", Shape::kYesNo, "free_text"},
    Key{"operands", Shape::kWord, "operands"},
    Key{"out_of_frames", Shape::kWord, "out_of_frames"},
    Key{"kv", Shape::kWord, "kv"},
    Key{"speculate", Shape::kWord, "speculate"},
};
constexpr std::array<std::string_view, 5> kSamplingKeys = {"temperature", "top_k", "top_p", "min_p", "seed"};

// Thrown and caught in this file only, as yaml-cpp's own are.
struct Refusal {
  SourceError error;
};

int line_of(const YAML::Node& node) { return node.Mark().line < 0 ? 1 : node.Mark().line + kFirstLine; }

[[noreturn]] void refuse(const YAML::Node& node, std::string message) {
  throw Refusal{{line_of(node), std::move(message)}};
}

std::string scalar(const YAML::Node& node, std::string_view written) {
  if (!node.IsScalar()) refuse(node, fmt::format("{}: a single value is expected", written));
  const std::string& text = node.Scalar();
  if (text.empty()) refuse(node, fmt::format("{}: the value is empty", written));
  if (phi_utf8_valid_prefix(text.data(), text.size()) != text.size()) {
    refuse(node, fmt::format("{}: the value is no UTF-8 without NUL", written));
  }
  return text;
}

// Calls see(key's node, key, value) for each entry of a map; no key may stand twice.
template <class See>
void each_entry(const YAML::Node& map, std::string_view written, See&& see) {
  if (!map.IsMap()) refuse(map, fmt::format("{}: \"key: value\" entries are expected", written));
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const std::string key = scalar(entry.first, written);
    if (!seen.insert(key).second) refuse(entry.first, fmt::format("{}: {} stands here twice", written, key));
    see(entry.first, key, entry.second);
  }
}

std::string yes_no(const YAML::Node& node, std::string_view written) {
  const std::string text = scalar(node, written);
  if (text == "true" || text == "yes") return "yes";
  if (text == "false" || text == "no") return "no";
  refuse(node, fmt::format("{}: true or false, not {}", written, text));
}

void read_list(const YAML::Node& node, const Key& key, std::vector<Option>& out) {
  if (!node.IsSequence()) refuse(node, fmt::format("{}: a list is expected, as in [a, b]", key.name));
  // An empty list of rights is a list too: the program then has none.
  if (node.size() == 0 && key.name == "rights") out.push_back({"right", "", line_of(node), "rights"});
  for (const YAML::Node& item : node) {
    out.push_back({std::string(key.option), scalar(item, key.name), line_of(item), std::string(key.name)});
  }
}

void read_map(const YAML::Node& node, const Key& key, std::vector<Option>& out) {
  each_entry(node, key.name, [&](const YAML::Node& at, const std::string& name, const YAML::Node& value) {
    const std::string written = fmt::format("{}: {}", key.name, name);
    const std::string text = scalar(value, written);
    if (key.shape == Shape::kLimits) {
      out.push_back({"limit", name + "=" + text, line_of(at), written});
      return;
    }
    if (std::find(kSamplingKeys.begin(), kSamplingKeys.end(), name) == kSamplingKeys.end()) {
      refuse(at, fmt::format("{}: no such key; known are {}", written, fmt::join(kSamplingKeys, ", ")));
    }
    out.push_back({name, text, line_of(at), written});
  });
}

void read_key(const YAML::Node& at, const std::string& name, const YAML::Node& value,
              std::vector<Option>& out) {
  const auto key = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& one) { return one.name == name; });
  if (key == kKeys.end()) {
    std::string known;
    for (const Key& one : kKeys) known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
    refuse(at, fmt::format("{}: no such key of the front matter; known are {}", name, known));
  }
  switch (key->shape) {
    case Shape::kList:
      return read_list(value, *key, out);
    case Shape::kSampling:
    case Shape::kLimits:
      return read_map(value, *key, out);
    case Shape::kWord:
      out.push_back({std::string(key->option), scalar(value, name), line_of(at), name});
      return;
    case Shape::kYesNo:
      out.push_back({std::string(key->option), yes_no(value, name), line_of(at), name});
      return;
  }
}

}  // namespace

std::expected<std::vector<Option>, SourceError> read_front_matter(const std::string& yaml) {
  std::vector<Option> options;
  if (yaml.size() > kFrontMatterMax) {
    return std::unexpected(SourceError{
        1, fmt::format("the front matter has {} bytes, at most {}", yaml.size(), kFrontMatterMax)});
  }
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsNull()) {
      each_entry(root, "front matter",
                 [&](const YAML::Node& at, const std::string& name, const YAML::Node& value) {
                   read_key(at, name, value, options);
                 });
    }
  } catch (const Refusal& refusal) {
    return std::unexpected(refusal.error);
  } catch (const YAML::Exception& exception) {
    const int line = exception.mark.is_null() ? 1 : exception.mark.line + kFirstLine;
    const bool deep = dynamic_cast<const YAML::DeepRecursion*>(&exception) != nullptr;
    return std::unexpected(
        SourceError{line, "front matter: " + (deep ? "it is nested too deeply" : exception.msg)});
  }
  return options;
}

}  // namespace phios::prompt
