#include "kernel/boot/cmd/embed.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "drivers/model/native/encoder.h"

namespace phios {

namespace {

struct Options {
  std::vector<std::string> texts;
  std::string file;
  bool cosines = false;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Each text's likeness to the first one.
nlohmann::json cosines(const std::vector<std::vector<float>>& vectors) {
  nlohmann::json out = nlohmann::json::array();
  for (const std::vector<float>& v : vectors)
    out.push_back(std::inner_product(v.begin(), v.end(), vectors.front().begin(), 0.0));
  return out;
}

Result<int> run(const CommandContext& context, const Options& options) {
  const Gguf file = TRY(Gguf::open(context.config.model));
  const std::unique_ptr<Encoder> encoder = TRY(Encoder::load(file));
  const std::vector<std::string> texts =
      options.file.empty() ? options.texts : lines_of(TRY(read_text(options.file)));
  if (texts.empty()) return fail(ErrorCode::EINVAL_, "no text: give one, or --file");
  std::vector<std::vector<float>> vectors;
  for (const std::string& text : texts) vectors.push_back(encoder->embed(text));
  const nlohmann::json all = options.cosines ? cosines(vectors) : nlohmann::json(vectors);
  if (context.json) {
    fmt::print("{}\n", all.dump());
  } else {
    for (const nlohmann::json& one : all) fmt::print("{}\n", one.dump());
  }
  return 0;
}

}  // namespace

void add_embed_command(Command app, CommandContext& context) {
  auto o = std::make_shared<Options>();
  Command command = app.command("embed", "print the embeddings of texts, by an encoder's file");
  command.footer(
      "--model is a GGUF of the architecture bert (MiniLM, BGE and their kin). A text longer than the "
      "model's "
      "context is cut.\n\nExample:\n  phios embed --model bge-small.gguf --cosines \"a dog\" \"a puppy\" \"a "
      "car\"");
  command.option("TEXT", o->texts, "texts");
  command.option("--file", o->file, "a file with a text in each line, or -").excludes("TEXT");
  command.flag("--cosines", o->cosines, "print each text's cosine with the first one instead");
  command.callback(command_callback(context, [&context, o] { return run(context, *o); }));
}

}  // namespace phios
