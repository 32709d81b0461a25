// model calibrate: a model file with rotations of its own for pages of few bits.
#include <algorithm>
#include <memory>

#include "drivers/model/native/calibrate.h"
#include "drivers/model/native/rotations.h"
#include "drivers/model/native/tokenizer/tokenizer.h"
#include "kernel/boot/cmd/model_files.h"

namespace phios {

namespace {

struct Options {
  std::string in, out, text;
  uint32_t tokens = 4096;
};

// Markers in the text are markers: nobody acts on it, and the model's own contexts have them.
Result<int> calibrate_model(const Options& o) {
  const Gguf file = TRY(Gguf::open(o.in));
  const std::unique_ptr<Tokenizer> tokenizer = TRY(make_tokenizer(file));
  std::vector<Token> tokens = tokenizer->encode(TRY(read_text(o.text)), true);
  tokens.resize(std::min<size_t>(tokens.size(), o.tokens));
  ProgressLine progress("tokens", tokens.size());
  const KvRotations rotations =
      TRY(calibrate_rotations(file, tokens, [&](size_t done) { progress.show(done); }));
  TRY(write_model_file(o.out, write_rotations(file, rotations)));
  return 0;
}

}  // namespace

void add_calibrate_command(Command model, CommandContext& context) {
  auto o = std::make_shared<Options>();
  Command command =
      model.command("calibrate", "write a file with rotations of its own for int4 and int2 pages");
  command.footer(
      "Keys and values are multiplied by matrices that suit what the model computes over --text, before they "
      "are\nrounded. The weights stay; other engines pass over what is added.\n\nExample:\n"
      "  phios model calibrate a.gguf b.gguf --text sample.txt\n"
      "  phios perplexity --model b.gguf --against a.gguf --kv int4@16 other.txt");
  command.option("IN", o->in, "a GGUF file").required();
  command.option("OUT", o->out, "the new one").required();
  command.option("--text", o->text, "the file of a text like the model's work, or -")
      .value_name("FILE")
      .required();
  command.option("--tokens", o->tokens, "of it that are used")
      .range(kCalibrationTokensMin, uint32_t{1} << 20)
      .show_default();
  command.callback(command_callback(context, [o] { return calibrate_model(*o); }));
}

}  // namespace phios
