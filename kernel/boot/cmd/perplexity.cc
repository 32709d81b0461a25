// perplexity: how well a model foretells a text, and how far it strays from another file of the same model:
// the figures by which quantised weights and compressed pages are compared.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "drivers/api/model.h"
#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/lone_sequence.h"
#include "kernel/boot/system.h"

namespace phios {

namespace {

constexpr uint32_t kWindow = 512;  // tokens of context, unless --context says otherwise

struct Options {
  std::string file, against;
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

// Kullback-Leibler divergences (nats) of the model's next token from the other model's.
struct Divergence {
  double sum = 0, largest = 0;
  uint64_t tokens = 0, same_best = 0;

  void add(std::span<const float> meant, std::span<const float> said) {
    const auto best = [](std::span<const float> x) {
      return std::max_element(x.begin(), x.end()) - x.begin();
    };
    const double meant_sum = nats_of(meant, 0) + double{meant[0]},
                 said_sum = nats_of(said, 0) + double{said[0]};
    double nats = 0;
    for (size_t i = 0; i < meant.size(); ++i) {
      const double log_meant = double{meant[i]} - meant_sum, log_said = double{said[i]} - said_sum;
      nats += std::exp(log_meant) * (log_meant - log_said);
    }
    sum += nats;
    largest = std::max(largest, nats);
    same_best += best(meant) == best(said) ? 1 : 0;
    ++tokens;
  }
  double mean() const { return tokens == 0 ? 0 : sum / static_cast<double>(tokens); }
};

// A window's second half is judged, each token with at least half a window before it: what the peers' tools
// do.
using Judge = std::function<void(Token next, std::span<const float> logits)>;

Status judge_window(LoneSequence& sequence, std::span<const Token> window, const Judge& judge) {
  const uint32_t first = static_cast<uint32_t>(window.size() / 2);
  sequence.clear();
  TRY(sequence.compute(window.first(first), false, [](uint32_t, std::span<float>) {}));
  return sequence.compute(window.subspan(first), true, [&](uint32_t position, std::span<float> logits) {
    if (position + 1 < window.size()) judge(window[position + 1], logits);
  });
}

struct Measured {
  Sums sums;
  Divergence divergence;
};

// A model, and the sequence that its windows are computed in.
struct Judged {
  Model& model;
  std::unique_ptr<LoneSequence> sequence;
};

Status judge_both(Judged& judged, Judged* other, std::span<const Token> window, Measured& out) {
  std::vector<float> meant;  // [judged positions][vocabulary]
  if (other)
    TRY(judge_window(*other->sequence, window, [&](Token, std::span<const float> logits) {
      meant.insert(meant.end(), logits.begin(), logits.end());
    }));
  std::span<const float> rest(meant);
  return judge_window(*judged.sequence, window, [&](Token next, std::span<const float> logits) {
    out.sums.add(nats_of(logits, next), judged.model.tokenizer().bytes(next).size());
    if (rest.empty()) return;
    out.divergence.add(rest.first(logits.size()), logits);
    rest = rest.subspan(logits.size());
  });
}

Result<Measured> measure(Model& model, Model* against, const std::string& text, const KvPolicyRef& policy,
                         const Options& options) {
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
  Judged judged{model, TRY(LoneSequence::make(model, window, policy))};
  std::optional<Judged> other;
  if (against) other.emplace(*against, TRY(LoneSequence::make(*against, window)));
  Measured out;
  ProgressLine progress("windows", windows);
  for (size_t i = 0; i < windows; i++) {
    std::vector<Token> part;
    if (begins) part.push_back(tokenizer.bos());
    const auto span = std::span(tokens).subspan(i * step, step);
    part.insert(part.end(), span.begin(), span.end());
    TRY(judge_both(judged, other ? &*other : nullptr, part, out));
    progress.show(i + 1);
  }
  return out;
}

Result<int> run(const CommandContext& context, const Options& options) {
  const std::unique_ptr<Model> model =
      TRY(open_model(context.config.model, context.config.threads, context.config.context_length));
  std::unique_ptr<Model> against;
  if (!options.against.empty()) {
    against = TRY(open_model(options.against, context.config.threads, context.config.context_length));
    if (against->info().n_vocab != model->info().n_vocab)
      return fail(ErrorCode::EINVAL_,
                  fmt::format("--against {}: a vocabulary of {} tokens, --model has {}", options.against,
                              against->info().n_vocab, model->info().n_vocab));
  }
  const KvPolicyRef policy = TRY(find_kv_policy(context.config.kv, true));
  const Measured measured =
      TRY(measure(*model, against.get(), TRY(read_text(options.file)), policy, options));
  const Sums& sums = measured.sums;
  const Divergence& kl = measured.divergence;
  nlohmann::ordered_json out = {{"perplexity", sums.perplexity()},
                                {"standard_error", sums.standard_error()},
                                {"bits_per_byte", sums.bits_per_byte()},
                                {"tokens", sums.tokens}};
  if (against) {
    out["kl"] = kl.mean();
    out["kl_largest"] = kl.largest;
    out["same_best_percent"] = 100.0 * static_cast<double>(kl.same_best) / static_cast<double>(kl.tokens);
  }
  if (context.json) {
    fmt::print("{}\n", out.dump());
    return 0;
  }
  fmt::print("perplexity {:.4f} ± {:.4f}   {:.4f} bits a byte   {} tokens judged\n", sums.perplexity(),
             sums.standard_error(), sums.bits_per_byte(), sums.tokens);
  if (against)
    fmt::print("KL {:.6f} nats (largest {:.4f})   {:.2f} % the same best token\n", kl.mean(), kl.largest,
               out["same_best_percent"].get<double>());
  return 0;
}

}  // namespace

void add_perplexity_command(Command app, CommandContext& context) {
  auto o = std::make_shared<Options>();
  Command command = app.command("perplexity", "how well --model foretells a text");
  command.footer(
      "The text is cut into windows; the second half of each is judged. Under --kv POLICY each page of "
      "tokens "
      "sees\nwhat the policy has left of those before.\n\nExample:\n"
      "  phios perplexity --model q8.gguf --against f32.gguf text.txt --windows 20");
  command.option("FILE", o->file, "the text, or -").required();
  command.option("--context", o->window, "tokens of a window (512, or what the model takes)")
      .range(uint32_t{8}, uint32_t{PHI_CONTEXT_MAX});
  command
      .option("--against", o->against, "the same model in other weights: how far --model strays from it (KL)")
      .value_name("NAME");
  command.option("--windows", o->windows, "judge no more than so many").positive();
  command.callback(command_callback(context, [&context, o] { return run(context, *o); }));
}

}  // namespace phios
