// perplexity: how well a model foretells a text, the figure by which quantised weights are compared.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/lone_sequence.h"

namespace phios {

namespace {

constexpr uint32_t kWindow = 512;  // tokens of context, unless --context says otherwise

struct Options {
  std::string file;
  uint32_t window = 0, windows = 0;
};

// Sums of the negative log probabilities (nats) of the tokens that were judged.
struct Sums {
  double nll = 0, nll_squared = 0;
  uint64_t tokens = 0, bytes = 0;

  void add(double nats, size_t token_bytes) {
    nll += nats;
    nll_squared += nats * nats;
    tokens++;
    bytes += token_bytes;
  }
  double mean() const { return nll / static_cast<double>(tokens); }
  double perplexity() const { return std::exp(mean()); }
  // Of the perplexity: the standard error of the mean, through the derivative of exp.
  double standard_error() const {
    const double n = static_cast<double>(tokens);
    const double variance = nll_squared / n - mean() * mean();
    return n < 2 ? 0 : perplexity() * std::sqrt(std::max(variance, 0.0) / (n - 1));
  }
  double bits_per_byte() const { return bytes == 0 ? 0 : nll / std::log(2.0) / static_cast<double>(bytes); }
};

double nats_of(std::span<const float> logits, Token token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x - largest));
  return std::log(sum) - static_cast<double>(logits[static_cast<size_t>(token)] - largest);
}

// A window's second half is judged, each token with at least half a window before it: what the peers' tools
// do.
Status judge_window(LoneSequence& sequence, const Tokenizer& tokenizer, std::span<const Token> window,
                    Sums& sums) {
  const uint32_t first = static_cast<uint32_t>(window.size() / 2);
  sequence.clear();
  TRY(sequence.compute(window.first(first), false, [](uint32_t, std::span<float>) {}));
  return sequence.compute(window.subspan(first), true, [&](uint32_t position, std::span<float> logits) {
    if (position + 1 >= window.size()) return;
    const Token next = window[position + 1];
    sums.add(nats_of(logits, next), tokenizer.bytes(next).size());
  });
}

Result<Sums> measure(Model& model, const std::string& text, const Options& options) {
  const Tokenizer& tokenizer = model.tokenizer();
  const std::vector<Token> tokens = tokenizer.encode(text, false);
  const bool begins = tokenizer.adds_bos() && tokenizer.bos() >= 0;
  const uint32_t window =
      options.window > 0 ? options.window : std::min(kWindow, model.info().context_length);
  if (window > model.info().context_length)
    return fail(ErrorCode::ELIMIT_,
                fmt::format("--context {}: the model takes {}", window, model.info().context_length));
  const size_t step = window - (begins ? 1 : 0);
  if (tokens.size() < step)
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: {} tokens, and one window alone has {}; give a longer text, or a "
                            "smaller --context",
                            options.file, tokens.size(), window));
  const size_t all = tokens.size() / step;
  const size_t windows = options.windows > 0 ? std::min<size_t>(options.windows, all) : all;
  const auto sequence = TRY(LoneSequence::make(model, window));
  Sums sums;
  ProgressLine progress("windows", windows);
  for (size_t i = 0; i < windows; i++) {
    std::vector<Token> part;
    if (begins) part.push_back(tokenizer.bos());
    const auto span = std::span(tokens).subspan(i * step, step);
    part.insert(part.end(), span.begin(), span.end());
    TRY(judge_window(*sequence, tokenizer, part, sums));
    progress.show(i + 1);
  }
  return sums;
}

Result<int> run(const CommandContext& context, const Options& options) {
  const std::unique_ptr<Model> model = TRY(open_model(context.config.model, context.config.threads));
  const Sums sums = TRY(measure(*model, TRY(read_text(options.file)), options));
  const nlohmann::ordered_json out = {{"perplexity", sums.perplexity()},
                                      {"standard_error", sums.standard_error()},
                                      {"bits_per_byte", sums.bits_per_byte()},
                                      {"tokens", sums.tokens}};
  if (context.json) {
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("perplexity {:.4f} ± {:.4f}   {:.4f} bits a byte   {} tokens judged\n", sums.perplexity(),
               sums.standard_error(), sums.bits_per_byte(), sums.tokens);
  }
  return 0;
}

}  // namespace

void add_perplexity_command(CLI::App& app, CommandContext& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("perplexity", "how well --model foretells a text");
  command->footer(
      "The text is cut into windows; the second half of each is judged.\n\nExample:\n"
      "  phios perplexity --model a.gguf text.txt --windows 20");
  command->add_option("FILE", o->file, "the text, or -")->required();
  command->add_option("--context", o->window, "tokens of a window (512, or what the model takes)")
      ->check(CLI::Range(uint32_t{8}, uint32_t{PHI_CONTEXT_MAX}));
  command->add_option("--windows", o->windows, "judge no more than so many")->check(CLI::PositiveNumber);
  command->callback(command_callback(context, [&context, o] { return run(context, *o); }));
}

}  // namespace phios
