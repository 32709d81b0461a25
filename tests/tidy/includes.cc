// What includes may and may not do.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "tests/tidy/checks.h"

namespace phios::tidy {
namespace {

// A layer is a folder with all below it that is no layer of its own. It may include itself and what is
// listed, which is closed already: what a layer below may include stands here too.
struct Layer {
  std::string_view folder;
  std::vector<std::string_view> may_include;
  bool may_include_all = false;
};

#define PHI_BELOW "kernel/base", "syscalls/abi"
const std::vector<Layer>& layers() {
  static const std::vector<Layer> all = {
      {"syscalls/abi", {}},
      {"kernel/base", {"syscalls/abi"}},
      {"kernel/runtime", {PHI_BELOW}},
      {"syscalls/codec", {PHI_BELOW}},
      {"syscalls/gen", {"syscalls/codec", PHI_BELOW}},
      {"mm", {PHI_BELOW}},
      {"drivers/api", {"mm", PHI_BELOW}},
      {"drivers/io", {"drivers/api", "mm", PHI_BELOW}},
      {"drivers/model", {"drivers/api", "mm", PHI_BELOW}},
      {"drivers/retrieval", {"drivers/api", "mm", PHI_BELOW}},
      {"drivers/tool", {"drivers/api", "mm", PHI_BELOW}},
      {"drivers/solver", {"drivers/api", "mm", PHI_BELOW}},
      {"kernel", {"kernel/runtime", "syscalls/codec", "drivers/api", "mm", PHI_BELOW}},
      {"syscalls/dispatch", {"kernel", "kernel/runtime", "syscalls/codec", "drivers/api", "mm", PHI_BELOW}},
      {"userland", {"syscalls/abi"}},
      {"kernel/boot", {}, true},
      {"tests", {}, true},
      {"benchmarks", {}, true},
  };
  return all;
}
#undef PHI_BELOW

bool is_within(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

const Layer* layer_of(std::string_view path) {
  const Layer* best = nullptr;
  for (const Layer& layer : layers())
    if (is_within(path, layer.folder) && (!best || layer.folder.size() > best->folder.size())) best = &layer;
  return best;
}

struct Include {
  size_t line = 0;
  std::string_view target;
  bool quoted = false;
};

std::optional<Include> parse_include(std::string_view line, size_t number) {
  const auto skip_blanks = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
  skip_blanks();
  if (!line.starts_with('#')) return std::nullopt;
  line.remove_prefix(1);
  skip_blanks();
  if (!line.starts_with("include")) return std::nullopt;
  line.remove_prefix(7);
  skip_blanks();
  if (!line.starts_with('"') && !line.starts_with('<')) return std::nullopt;
  const size_t close = line.find(line[0] == '"' ? '"' : '>', 1);
  if (close == line.npos) return std::nullopt;
  return Include{number, line.substr(1, close - 1), line[0] == '"'};
}

std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> found;
  size_t number = 0;
  for (const std::string_view line : lines_of(text))
    if (const auto include = parse_include(line, ++number)) found.push_back(*include);
  return found;
}

// Calls visit(path, include) for every include of every source.
template <class Visit>
void each_include(const Tree& tree, Visit visit) {
  for (const auto& [path, text] : tree)
    if (is_code(path))
      for (const Include& include : includes_of(text)) visit(path, include);
}

class CycleSearch {
 public:
  explicit CycleSearch(const Tree& tree) : tree_(tree) {}

  Findings run() {
    for (const auto& [path, text] : tree_)
      if (is_code(path)) enter(path);
    return std::move(findings_);
  }

 private:
  void enter(const std::string& path) {
    if (done_.contains(path)) return;
    const auto open = std::ranges::find(trail_, path);
    if (open != trail_.end()) {
      findings_.push_back(fmt::format("{}: includes itself: {} -> {}", path,
                                      fmt::join(std::vector(open, trail_.end()), " -> "), path));
      return;
    }
    trail_.push_back(path);
    for (const Include& include : includes_of(tree_.at(path)))
      if (tree_.contains(std::string(include.target))) enter(std::string(include.target));
    trail_.pop_back();
    done_.insert(path);
  }

  const Tree& tree_;
  std::vector<std::string> trail_;
  std::set<std::string> done_;
  Findings findings_;
};

// Headers of libraries that are heavy or dangerous, and where they may stand.
struct Confined {
  std::string_view header;  // a beginning of it
  bool only_in_cc;          // never in a header of ours
  size_t users_max;         // how many .h and .cc pairs of the whole tree may name it; 0: any number
  std::string_view why;
};
constexpr Confined kConfined[] = {
    {"nlohmann/json.hpp", true, 0, "slow to compile; use json_fwd.hpp"},
    {"z3", true, 0, "slow to compile"},
    {"boost/lockfree/", true, 0, "slow to compile"},
    {"boost/context/", false, 1, "one pair of files touches Boost.Context"},
};

}  // namespace

Findings check_arrows(const Tree& tree) {
  Findings found;
  each_include(tree, [&](const std::string& path, const Include& include) {
    const Layer* from = layer_of(path);
    const Layer* to = layer_of(include.target);
    if (!to || !tree.contains(std::string(include.target))) return;
    if (!from) {
      found.push_back(fmt::format("{}:{}: the folder belongs to no layer", path, include.line));
    } else if (from != to && !from->may_include_all &&
               std::ranges::find(from->may_include, to->folder) == from->may_include.end()) {
      found.push_back(fmt::format("{}:{}: {} may not include {} ({})", path, include.line, from->folder,
                                  to->folder, include.target));
    }
  });
  return found;
}

Findings check_include_paths(const Tree& tree) {
  Findings found;
  each_include(tree, [&](const std::string& path, const Include& include) {
    if (!include.quoted || tree.contains(std::string(include.target))) return;
    const std::string beside = folder_of(path) + "/" + std::string(include.target);
    if (tree.contains(beside))
      found.push_back(fmt::format("{}:{}: name it from the root: {}", path, include.line, beside));
  });
  return found;
}

Findings check_cycles(const Tree& tree) { return CycleSearch(tree).run(); }

Findings check_confined(const Tree& tree) {
  Findings found;
  for (const Confined& rule : kConfined) {
    std::set<std::string> users;
    each_include(tree, [&](const std::string& path, const Include& include) {
      if (include.quoted || !include.target.starts_with(rule.header) || is_within(path, "benchmarks")) return;
      users.insert(path.substr(0, path.size() - extension_of(path).size()));
      if (rule.only_in_cc && extension_of(path) == ".h")
        found.push_back(
            fmt::format("{}:{}: <{}> in a header: {}", path, include.line, include.target, rule.why));
    });
    if (rule.users_max != 0 && users.size() > rule.users_max)
      found.push_back(fmt::format("<{}…> in {}: {}", rule.header, fmt::join(users, ", "), rule.why));
  }
  return found;
}

}  // namespace phios::tidy
