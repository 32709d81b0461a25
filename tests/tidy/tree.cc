#include "tests/tidy/tree.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace phios::tidy {
namespace {

constexpr std::string_view kTextExtensions[] = {".h",    ".cc", ".c",  ".def",   ".py",  ".lua",
                                                ".yaml", ".md", ".sh", ".cmake", ".txt", ".json"};
constexpr uintmax_t kTextBytesMax = 1 << 20;  // what is larger is data

bool is_skipped_folder(std::string_view name) {
  return name.starts_with('.') || name == "build" || name.starts_with("build-") || name == "__pycache__";
}

bool is_text(std::string_view path) {
  return std::ranges::find(kTextExtensions, extension_of(path)) != std::end(kTextExtensions) || path == "x";
}

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

Tree read_tree(const std::filesystem::path& root) {
  Tree tree;
  for (auto entry = std::filesystem::recursive_directory_iterator(root); entry != end(entry); ++entry) {
    if (entry->is_directory() && is_skipped_folder(entry->path().filename().string()))
      entry.disable_recursion_pending();
    const std::string path = entry->path().lexically_relative(root).generic_string();
    if (!entry->is_regular_file() || !is_text(path) || entry->file_size() > kTextBytesMax) continue;
    std::ifstream in(entry->path(), std::ios::binary);
    tree[path] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return tree;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : std::string(path.substr(0, slash));
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view extension_of(std::string_view path) {
  const std::string_view name = name_of(path);
  const size_t dot = name.rfind('.');
  return dot == name.npos ? std::string_view() : name.substr(dot);
}

std::string_view stem_of(std::string_view path) {
  const std::string_view name = name_of(path);
  return name.substr(0, name.size() - extension_of(name).size());
}

bool is_code(std::string_view path) {
  const std::string_view extension = extension_of(path);
  return extension == ".h" || extension == ".cc" || extension == ".c" || extension == ".def";
}

bool has_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_word_character(text[at - 1])) &&
        (end == text.size() || !is_word_character(text[end])))
      return true;
  }
  return false;
}

}  // namespace phios::tidy
