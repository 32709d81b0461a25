// model prune: a model file with weights set to zero, or with layers left out.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "drivers/model/native/prune.h"
#include "drivers/model/native/tokenizer/tokenizer.h"
#include "kernel/boot/cmd/model_files.h"

namespace phios {

namespace {

constexpr uint32_t kCalibrationTokens = 4096;

struct Options {
  std::string in, out, method, text;
  double share = 0.5;
  std::vector<uint32_t> layers;
  uint32_t drop = 0, tokens = kCalibrationTokens;
};

std::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::EINVAL_, std::move(what)); }

Result<Calibration> calibrate_by_text(const Gguf& file, const Options& options) {
  const std::unique_ptr<Tokenizer> tokenizer = TRY(make_tokenizer(file));
  std::vector<Token> tokens = tokenizer->encode(TRY(read_text(options.text)), false);
  if (tokenizer->adds_bos() && tokenizer->bos() >= 0) tokens.insert(tokens.begin(), tokenizer->bos());
  tokens.resize(std::min<size_t>(tokens.size(), options.tokens));
  if (tokens.empty()) return wrong(options.text + ": an empty text calibrates nothing");
  ProgressLine progress("tokens", tokens.size());
  return calibrate(file, tokens, [&](size_t done) { progress.show(done); });
}

Result<std::vector<std::byte>> without_layers(const Gguf& file, const Options& options,
                                              const Calibration* calibration) {
  std::vector<uint32_t> layers = options.layers;
  if (layers.empty() == (options.drop == 0)) return wrong("--method layers: either --layers or --drop");
  if (options.drop > 0 && !calibration) return wrong("--drop chooses by a text: give --text");
  if (options.drop > 0) layers = least_influential(*calibration, options.drop);
  std::ranges::sort(layers);
  layers.erase(std::ranges::unique(layers).begin(), layers.end());
  fmt::print("layers left out: {}\n", nlohmann::json(layers).dump());
  return drop_layers(file, layers);
}

Result<int> prune(const Options& o) {
  const Gguf file = TRY(Gguf::open(o.in));
  if (o.method == "wanda" && o.text.empty()) return wrong("--method wanda calibrates by a text: give --text");
  Calibration calibration;
  const Calibration* by = nullptr;
  if (!o.text.empty() && o.method != "magnitude") {
    calibration = TRY(calibrate_by_text(file, o));
    by = &calibration;
  }
  const PruneScope scope = o.method == "2:4"     ? PruneScope::kTwoOfFour
                           : o.method == "wanda" ? PruneScope::kRow
                                                 : PruneScope::kMatrix;
  TRY(write_model_file(o.out, o.method == "layers" ? TRY(without_layers(file, o, by))
                                                   : TRY(prune_weights(file, scope, o.share, by))));
  return 0;
}

}  // namespace

void add_prune_command(Command model, CommandContext& context) {
  auto o = std::make_shared<Options>();
  Command command = model.command("prune", "write a file with weights set to zero, or layers left out");
  command.footer(
      "magnitude: the smallest of each matrix. wanda: the smallest of each output, times the norm of their "
      "inputs "
      "in --text. 2:4: two of every four neighbours, with --text as wanda scores them. layers: --layers, or "
      "the "
      "--drop of least influence in --text.\n\nExamples:\n"
      "  phios model prune a.gguf b.gguf --method wanda --text sample.txt --share 0.5\n"
      "  phios model prune a.gguf b.gguf --method layers --layers 20,21");
  command.option("IN", o->in, "a GGUF file; its types stay (Q4_1, Q5_1, Q4_K and Q5_K have no zero)")
      .required();
  command.option("OUT", o->out, "the new one").required();
  command.option("--method", o->method, "magnitude, wanda, 2:4 or layers")
      .required()
      .one_of({"magnitude", "wanda", "2:4", "layers"});
  command.option("--share", o->share, "of the weights that become zero").range(0.0, 1.0).show_default();
  command.option("--text", o->text, "the file of a text to calibrate by, or -").value_name("FILE");
  command.option("--tokens", o->tokens, "of it that are used").range(1, 65536).show_default();
  command.option("--layers", o->layers, "numbers of layers, from 0").comma_separated();
  command.option("--drop", o->drop, "how many layers").range(1, 1024);
  command.callback(command_callback(context, [o] { return prune(*o); }));
}

}  // namespace phios
