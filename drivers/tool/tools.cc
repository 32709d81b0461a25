#include "drivers/tool/tools.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "drivers/api/child.h"
#include "drivers/api/utf8.h"
#include "drivers/api/workers.h"
#include "drivers/tool/calc.h"
#include "drivers/tool/manifest.h"
#include "drivers/tool/tool_index.h"
#include "fmt/format.h"

namespace phios {

namespace {

using namespace tool;

constexpr unsigned kThreadsMax = 8;  // each minds one process
constexpr size_t kQueueMax = 1024;   // calls that wait
constexpr size_t kToolsMax = 4096;
constexpr size_t kErrorTailMax = 300;  // bytes of standard error that a message quotes
constexpr std::string_view kCalc = "calc";
constexpr std::string_view kCalcSchema =
    R"({"type": "object", "properties": {"expression": {"type": "string", "description": "such as (2 + 3) * 4 or 9.11 < 9.9"}}, "required": ["expression"]})";

struct Tool {
  ToolInfo info;
  std::optional<Manifest> manifest;  // none: the calculator
};

// The number of letters to change, add or drop to make b of a.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row[b.size()];
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (text.size() > kErrorTailMax) {
    size_t cut = text.size() - kErrorTailMax;
    while (cut < text.size() && (static_cast<uint8_t>(text[cut]) & 0xc0) == 0x80) ++cut;
    text.erase(0, cut);
  }
  std::ranges::replace(text, '\n', ' ');
  return text;
}

class Tools final : public ToolDriver {
 public:
  explicit Tools(Env& env) : env_(env), workers_("tool", kThreadsMax, kQueueMax) {}

  Status add(ToolInfo info, std::optional<Manifest> manifest);
  void add_broken(const std::string& name, Error error) { broken_.emplace(name, std::move(error)); }
  bool has(const std::string& name) const { return by_name_.contains(name); }
  Status finish();

  OpRef submit(ToolRequest request, Completion<std::string> done) override {
    return workers_.submit<std::string>(
        [this, request = std::move(request)](std::stop_token stop) { return call(request, std::move(stop)); },
        std::move(done));
  }
  std::vector<ToolInfo> list() const override {
    std::vector<ToolInfo> out;
    out.reserve(tools_.size());
    for (const Tool& tool : tools_) out.push_back(tool.info);
    return out;
  }
  std::vector<ToolInfo> search(const std::string& query, size_t k) const override {
    std::vector<ToolInfo> out;
    for (const size_t i : index_->search(query, k)) out.push_back(tools_[i].info);
    return out;
  }

 private:
  Result<std::string> call(const ToolRequest& request, std::stop_token stop) const;
  Result<std::string> run(const Manifest& manifest, const ToolRequest& request, std::stop_token stop) const;
  Error unknown(const std::string& name) const;

  Env& env_;
  std::vector<Tool> tools_;
  std::map<std::string, size_t> by_name_;
  std::map<std::string, Error> broken_;
  std::unique_ptr<ToolIndex> index_;
  Workers workers_;  // last: its threads end before what they use
};

Status Tools::add(ToolInfo info, std::optional<Manifest> manifest) {
  if (tools_.size() == kToolsMax)
    return fail(ErrorCode::ELIMIT_, fmt::format("more than {} tools", kToolsMax));
  by_name_.emplace(info.name, tools_.size());
  tools_.push_back({std::move(info), std::move(manifest)});
  return {};
}

Status Tools::finish() {
  index_ = TRY(ToolIndex::make(list()));
  return {};
}

Error Tools::unknown(const std::string& name) const {
  if (const auto it = broken_.find(name); it != broken_.end()) return it->second;
  constexpr size_t kComparedMax = 64;
  std::string nearest;
  size_t best = SIZE_MAX;
  for (const auto& [known, index] : by_name_) {
    const size_t d = distance(std::string_view(name).substr(0, kComparedMax), known);
    if (d >= best) continue;
    best = d;
    nearest = known;
  }
  return {ErrorCode::ENOENT_, fmt::format("no tool is called {}; the nearest is {}", name, nearest)};
}

Result<std::string> Tools::call(const ToolRequest& request, std::stop_token stop) const {
  const auto it = by_name_.find(request.name);
  if (it == by_name_.end()) return std::unexpected(unknown(request.name));
  const Tool& tool = tools_[it->second];
  if (tool.manifest) return run(*tool.manifest, request, std::move(stop));
  // An expression may come in several words: TOOL calc 7 + 7.
  if (request.args.size() == 1 && request.args[0].starts_with('{')) {
    static const Schema kSchema = Schema::parse(Json::parse(kCalcSchema)).value();
    const Json arguments = TRY(kSchema.arguments(request.args));
    return calc::calculate(arguments["expression"].get<std::string>());
  }
  return calc::calculate(fmt::format("{}", fmt::join(request.args, " ")));
}

Result<std::string> Tools::run(const Manifest& manifest, const ToolRequest& request,
                               std::stop_token stop) const {
  const Json arguments = TRY(manifest.schema.arguments(request.args));
  const Nanos own = env_.now() + manifest.deadline_ms * kMillisecond;
  const ChildSpec spec = child_of(manifest, arguments, std::min(own, request.deadline));
  ChildResult child = TRY(run_child(env_, spec, std::move(stop)));
  if (child.exit_code != 0) {
    const std::string tail = one_line(child.errors);
    return fail(ErrorCode::EIO_, fmt::format("{} ended with code {}{}{}", manifest.name, child.exit_code,
                                             tail.empty() ? "" : ": ", tail));
  }
  if (const size_t bad = find_bad_utf8(child.output); bad != std::string::npos) {
    return fail(ErrorCode::EIO_,
                fmt::format("{}: byte {} of its output is no UTF-8 text", manifest.name, bad + 1));
  }
  // Programs end their output with a newline; a value does not.
  if (child.output.ends_with('\n')) child.output.pop_back();
  return std::move(child.output);
}

std::vector<std::string> manifest_files(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code code;
  for (std::filesystem::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
    const std::string extension = it->path().extension().string();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json")
      files.push_back(it->path().string());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

Result<std::unique_ptr<ToolDriver>> open_tools(Env& env, const std::vector<std::string>& manifest_directories,
                                               std::vector<Error>* problems) {
  auto tools = std::make_unique<Tools>(env);
  const auto report = [&](const Error& error) {
    if (problems != nullptr) problems->push_back(error);
  };
  TRY(tools->add(
      {std::string(kCalc), "exact calculator: + - * / // % ^ ( ) comparisons, min max round sqrt gcd …",
       "calc expression", std::string(kCalcSchema)},
      std::nullopt));
  for (const std::string& directory : manifest_directories) {
    for (const std::string& file : manifest_files(directory)) {
      auto manifest = read_manifest(file);
      if (!manifest) {
        report(manifest.error());
        tools->add_broken(std::filesystem::path(file).stem().string(), std::move(manifest).error());
      } else if (tools->has(manifest->name)) {
        report({ErrorCode::EINVAL_,
                fmt::format("{}: name: there is a tool called {} already", file, manifest->name)});
      } else {
        const bool takes_none = manifest->schema.parameters() == 0;
        ToolInfo info{manifest->name, manifest->summary,
                      takes_none ? manifest->name : manifest->name + " " + manifest->schema.signature(),
                      manifest->schema.text()};
        TRY(tools->add(std::move(info), std::move(*manifest)));
      }
    }
  }
  TRY(tools->finish());
  return tools;
}

}  // namespace phios
