// eval abilities: what each page policy and each type of weights leaves of what a model can do, beside
// perplexity and the bytes of a token: "What abilities should LLM compression preserve?" (arXiv 2502.17535).
#include <fmt/color.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "drivers/api/model.h"
#include "drivers/model/native/induction_model.h"
#include "drivers/model/native/requantize.h"
#include "kernel/boot/cmd/abilities.h"
#include "kernel/boot/cmd/model_files.h"
#include "kernel/boot/embedded.h"
#include "kernel/boot/system.h"

namespace phios {

namespace {

using namespace abilities;

constexpr const char* kAsIs = "as they are";
constexpr double kLossAllowed = 1;  // point
constexpr uint32_t kQuickLength = kBytesAt;

struct AbilitiesOptions {
  std::vector<std::string> kv = {"full",   "int8",  "int4", "int2",   "age",   "importance",
                                 "window", "quest", "h2o",  "snapkv", "shotkv"};
  std::vector<std::string> weights = {kAsIs};
  std::vector<uint32_t> lengths = {2048, 8192, 32768};
  std::string plot;
  uint32_t window = PHI_PAGE_TOKENS;
  uint64_t seed = 1;
  bool quick = false;
};

struct Row {
  std::string weights, kv;
  Recall recall;
  Frames frames;
};

struct Column {
  const char *key, *title;
  const Points& (*points)(const Row&);
};
const Column kColumns[] = {
    {"needle", "needle", [](const Row& r) -> const Points& { return r.recall.needle; }},
    {"needle_retrieved", "+RETRIEVE", [](const Row& r) -> const Points& { return r.recall.retrieved; }},
    {"resource", "resource", [](const Row& r) -> const Points& { return r.frames.resource; }},
    {"plan", "plan", [](const Row& r) -> const Points& { return r.frames.plan; }},
    {"exact", "MOV…WRITE", [](const Row& r) -> const Points& { return r.frames.exact; }},
    {"chain", "chain", [](const Row& r) -> const Points& { return r.recall.chain; }},
};

// Against the same ability under full f16 and the weights as they are.
std::optional<double> lost(const Column& column, const Row& row, const Row& base) {
  const Points &a = column.points(base), &b = column.points(row);
  if (a.n == 0 || b.n == 0) return std::nullopt;
  return a.percent() - b.percent();
}

std::string cell(const Column& column, const Row& row, const Row& base, bool colours) {
  const Points& points = column.points(row);
  if (points.n == 0) return fmt::format("{:>14}", "not tested");
  const double loss = lost(column, row, base).value_or(0);
  std::string text = fmt::format("{:.1f}", points.percent());
  if (loss != 0) text += fmt::format(" ({:+.1f})", -loss);
  text = fmt::format("{:>14}", text);
  if (!colours || &row == &base) return text;
  return fmt::format(fmt::fg(loss > kLossAllowed ? fmt::terminal_color::red : fmt::terminal_color::green),
                     "{}", text);
}

void print_table(const std::vector<Row>& rows) {
  const bool colours = isatty(STDOUT_FILENO) != 0;
  fmt::print("{:<12} {:<14}", "weights", "pages");
  for (const Column& column : kColumns) fmt::print("{:>14}", column.title);
  fmt::print("{:>12}{:>10}{:>8}\n", "perplexity", "B/token", "of f16");
  const Row& base = rows.front();
  for (const Row& row : rows) {
    fmt::print("{:<12} {:<14}", row.weights, row.kv);
    for (const Column& column : kColumns) fmt::print("{}", cell(column, row, base, colours));
    fmt::print("{:>12.4f}{:>10.0f}{:>7.0f}%\n", row.frames.perplexity, row.recall.bytes_per_token,
               100 * row.recall.bytes_per_token / std::max(base.recall.bytes_per_token, 1.0));
  }
}

nlohmann::ordered_json as_json(const Row& row, const Row& base) {
  nlohmann::ordered_json out = {{"weights", row.weights}, {"kv", row.kv}};
  for (const Column& column : kColumns) {
    const Points& points = column.points(row);
    if (points.n == 0) {
      out[column.key] = "not tested";
      continue;
    }
    out[column.key] = {{"points", points.percent()}, {"right", points.right}, {"n", points.n}};
    if (const auto loss = lost(column, row, base)) out[column.key]["lost"] = *loss;
  }
  out["perplexity"] = row.frames.perplexity;
  out["bytes_per_token"] = row.recall.bytes_per_token;
  out["bytes_of_f16"] = row.recall.bytes_per_token / std::max(base.recall.bytes_per_token, 1.0);
  for (const NeedleRow& needles : row.recall.needles) {
    nlohmann::ordered_json depths = nlohmann::json::array();
    for (const Points& points : needles.at) depths.push_back(points.percent());
    out["needles"][std::to_string(needles.length)] = depths;
  }
  return out;
}

Result<GgmlType> weights_type(const std::string& name) {
  const GgmlTypeInfo* info = ggml_type_named(name);
  if (!info)
    return fail(ErrorCode::EINVAL_, fmt::format("--weights {}: no tensor type that is read here", name));
  return info->type;
}

// The models in one type of weights, each in a kernel of its own.
struct Machines {
  TemporaryHome home;
  std::unique_ptr<System> taught, induction;
};

Result<std::unique_ptr<System>> machine(Config config, const std::string& home, const Gguf& file,
                                        const std::string& weights) {
  config.home = home;
  config.kv.clear();
  if (weights != kAsIs) {
    config.model = home + ".gguf";
    TRY(write_model_file(config.model, TRY(requantize(file, TRY(weights_type(weights))))));
  }
  return System::open(config);
}

Status start_machines(const CommandContext& context, const AbilitiesOptions& options,
                      const std::string& weights, Machines& out) {
  const std::string& model = context.config.model;
  const bool embedded = model.empty() || model == "nano";
  const Gguf taught = TRY(embedded ? Gguf::parse(embedded_model(), "phi-nano") : Gguf::open(model));
  out.taught = TRY(machine(context.config, out.home.path() + "/taught", taught, weights));
  const std::vector<std::byte> bytes =
      make_induction_model({.context_length = *std::ranges::max_element(options.lengths)});
  Config config = context.config;
  config.model = out.home.path() + "/induction-as-is.gguf";
  TRY(write_model_file(config.model, bytes));
  const Gguf induction = TRY(Gguf::open(config.model));
  out.induction = TRY(machine(config, out.home.path() + "/induction", induction, weights));
  return {};
}

Result<Row> measure(Machines& machines, const std::string& weights, const std::string& kv,
                    const AbilitiesOptions& options) {
  RecallOptions recall{.lengths = options.lengths, .seed = options.seed};
  FramesOptions frames{.seed = options.seed};
  if (options.quick) recall.needles_per_depth = 1, frames.cases = 15;
  Row row{weights, kv, {}, {}};
  row.recall = TRY(measure_recall(*machines.induction, TRY(policy_named(kv, PHI_KV_WINDOW)), recall));
  row.frames = TRY(measure_frames(*machines.taught, TRY(policy_named(kv, options.window)), frames));
  return row;
}

Result<int> run(const CommandContext& context, AbilitiesOptions options) {
  if (options.quick) std::erase_if(options.lengths, [](uint32_t n) { return n > kQuickLength; });
  if (options.lengths.empty()) options.lengths = {kQuickLength};
  std::erase(options.kv, "full");
  options.kv.insert(options.kv.begin(), "full");
  std::erase(options.weights, kAsIs);
  options.weights.insert(options.weights.begin(), kAsIs);
  std::vector<Row> rows;
  ProgressLine progress("rows", options.kv.size() * options.weights.size());
  for (const std::string& weights : options.weights) {
    Machines machines;
    TRY(start_machines(context, options, weights, machines));
    for (const std::string& kv : options.kv) {
      progress.show(rows.size());
      rows.push_back(TRY(measure(machines, weights, kv, options)));
    }
  }
  if (!options.plot.empty()) {
    std::vector<HeatPanel> panels;
    for (const Row& row : rows)
      panels.push_back({row.weights == kAsIs ? row.kv : row.kv + " " + row.weights, &row.recall.needles});
    const std::string svg = heat_map_svg(panels);
    TRY(write_model_file(options.plot, std::as_bytes(std::span(svg))));
  }
  if (!context.json) {
    print_table(rows);
    return 0;
  }
  nlohmann::ordered_json out = {
      {"lengths", options.lengths}, {"frames_window", options.window}, {"rows", nlohmann::json::array()}};
  for (const Row& row : rows) out["rows"].push_back(as_json(row, rows.front()));
  fmt::print("{}\n", out.dump());
  return 0;
}

}  // namespace

void add_eval_abilities(Command eval, CommandContext& context) {
  auto o = std::make_shared<AbilitiesOptions>();
  Command command = eval.command(
      "abilities", "what page policies and types of weights leave of the abilities that a program needs");
  command.footer(
      "Needles and chains are recalled by a constructed induction model (phios model induction) in contexts "
      "of "
      "--lengths;\nresources, plans and exact operations are --model's. Points are percent right, in "
      "brackets what "
      "they are above\nor below full f16 pages; a context is at least 8 times the newest window, or the "
      "policy is "
      "not tested.\n\nExample:\n  phios eval abilities --kv int4 --kv quest:512 --plot needles.svg");
  command.option("--kv", o->kv, "page policies (may be repeated); POLICY@N keeps the newest N tokens in f16")
      .value_name("POLICY")
      .show_default();
  command
      .option("--weights", o->weights,
              "types that the weights are brought to as well, as `model quantize` has them")
      .value_name("TYPE");
  command.option("--lengths", o->lengths, "tokens of the contexts with needles")
      .range(8 * PHI_KV_WINDOW, PHI_CONTEXT_MAX)
      .show_default();
  command.option("--window", o->window, "newest tokens in f16 where --model decodes: its contexts are short")
      .range(PHI_PAGE_TOKENS, PHI_KV_WINDOW)
      .show_default();
  command.option("--plot", o->plot, "the needles' heat map, as SVG").value_name("FILE");
  command.option("--case-seed", o->seed, "of the cases").show_default();
  command.flag("--quick", o->quick, "fewer cases, and no context above 8192 tokens");
  command.callback(command_callback(context, [o, &context] { return run(context, *o); }));
}

}  // namespace phios
