// What files may be: not too long, not dead, not unfinished.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "tests/tidy/checks.h"

namespace phios::tidy {
namespace {

constexpr std::string_view kSourceExtensions[] = {".h", ".cc", ".c", ".def", ".py", ".lua", ".sh", ".cmake"};
// Spelled in two so that this file does not hold them.
constexpr std::string_view kMarks[] = {
    "TO"
    "DO",
    "FIX"
    "ME",
    "X"
    "XX",
    "HA"
    "CK"};
constexpr std::string_view kPrograms = "userland/programs/";

bool is_source(std::string_view path) {
  return std::ranges::find(kSourceExtensions, extension_of(path)) != std::end(kSourceExtensions) ||
         name_of(path) == "CMakeLists.txt" || path == "x";
}

bool is_cmake(std::string_view path) {
  return name_of(path) == "CMakeLists.txt" || extension_of(path) == ".cmake";
}

// path → lines, of the list of long files.
std::map<std::string, size_t> read_long_files(const Tree& tree) {
  std::map<std::string, size_t> listed;
  const auto list = tree.find(kLongFilesList);
  if (list == tree.end()) return listed;
  for (const std::string_view line : lines_of(list->second)) {
    const size_t space = line.find(' ');
    if (line.starts_with('#') || space == line.npos) continue;
    const std::string_view number = line.substr(space + 1);
    std::from_chars(number.data(), number.data() + number.size(), listed[std::string(line.substr(0, space))]);
  }
  return listed;
}

// A target names a source by its name in the CMakeLists of its folder, or by a path in one further up, or a
// loop there spells the stem.
bool is_built(const Tree& tree, const std::string& path) {
  for (const auto& [script, text] : tree) {
    const std::string folder = folder_of(script);
    if (extension_of(script) == ".py" && folder == folder_of(path) && has_word(text, name_of(path)))
      return true;
    if (!is_cmake(script)) continue;
    if (folder == folder_of(path)) {
      if (has_word(text, name_of(path))) return true;
      if (has_word(text, stem_of(path)) && text.find(fmt::format("}}{}", extension_of(path))) != text.npos)
        return true;
    }
    if (has_word(text, path)) return true;
    if (path.starts_with(folder + "/") && has_word(text, std::string_view(path).substr(folder.size() + 1)))
      return true;
  }
  return false;
}

bool is_included(const Tree& tree, const std::string& path) {
  for (const auto& [other, text] : tree)
    if (other != path && (is_code(other) || is_cmake(other)) && text.find(path) != text.npos) return true;
  return false;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Is a program or module called by its name: name.ext, "name", 'name', `name`, run name, spawn name, import
// name?
bool is_named(const Tree& tree, const std::string& path) {
  const std::string name(name_of(path));
  const std::string stem(stem_of(path));
  for (const auto& [other, text] : tree) {
    if (other == path || text.find(stem) == text.npos) continue;
    if (has_word(text, name)) return true;
    const std::string low = lower(text);
    for (const std::string_view before :
         {"\"", "'", "`", "run ", "spawn ", "import ", "from ", "<|phi_sys|>spawn "})
      if (has_word(low, std::string(before) + lower(stem))) return true;
  }
  return false;
}

}  // namespace

Findings check_lengths(const Tree& tree) {
  Findings found;
  const std::map<std::string, size_t> listed = read_long_files(tree);
  for (const auto& [path, text] : tree) {
    if (!is_source(path) || is_generated(text)) continue;
    const size_t lines = lines_of(text).size();
    const auto entry = listed.find(path);
    if (entry == listed.end()) {
      if (lines > kLinesMax) found.push_back(fmt::format("{}: {} lines, at most {}", path, lines, kLinesMax));
    } else if (lines > entry->second) {
      found.push_back(
          fmt::format("{}: {} lines; {} lets it have {}", path, lines, kLongFilesList, entry->second));
    } else if (lines <= kLinesMax) {
      found.push_back(fmt::format("{}: {} lines; take it off {}", path, lines, kLongFilesList));
    }
  }
  for (const auto& [path, lines] : listed)
    if (!tree.contains(path)) found.push_back(fmt::format("{}: on {} but gone", path, kLongFilesList));
  return found;
}

Findings check_dead_files(const Tree& tree) {
  Findings found;
  for (const auto& [path, text] : tree) {
    const std::string_view extension = extension_of(path);
    if ((extension == ".cc" || extension == ".c") && !is_built(tree, path))
      found.push_back(path + ": in no CMake target");
    if ((extension == ".h" || extension == ".def") && !is_included(tree, path))
      found.push_back(path + ": nobody includes it");
    if ((extension == ".py" || extension == ".lua" || (path.starts_with(kPrograms) && extension == ".md")) &&
        !is_named(tree, path))
      found.push_back(path + ": nobody names it");
  }
  return found;
}

Findings check_marks(const Tree& tree) {
  Findings found;
  for (const auto& [path, text] : tree) {
    size_t number = 0;
    for (const std::string_view line : lines_of(text)) {
      ++number;
      for (const std::string_view mark : kMarks)
        if (has_word(line, mark)) found.push_back(fmt::format("{}:{}: {}", path, number, mark));
    }
  }
  return found;
}

}  // namespace phios::tidy
