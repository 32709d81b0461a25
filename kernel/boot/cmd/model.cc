// model info, tokenize, generate: the model by itself, for comparison with other engines.
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "drivers/api/model.h"
#include "drivers/model/native/encoder.h"
#include "drivers/model/native/tokenizer/tokenizer.h"
#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/embed.h"
#include "kernel/boot/cmd/lone_sequence.h"
#include "kernel/boot/cmd/model_files.h"
#include "kernel/boot/system.h"
#include "kernel/sched/prompt_lookup.h"
#include "kernel/sched/sampler.h"

namespace phios {

namespace {

int print_all(const CommandContext& context, const nlohmann::ordered_json& all) {
  if (context.json) {
    fmt::print("{}\n", all.dump());
  } else {
    for (const auto& [key, value] : all.items())
      fmt::print("{:<20} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return 0;
}

Result<nlohmann::ordered_json> encoder_info(const Gguf& file) {
  const EncoderConfig c = TRY(read_encoder_config(file));
  uint64_t parameters = 0;
  for (const GgufTensor& t : file.tensors()) parameters += t.elements;
  return nlohmann::ordered_json{{"name", TRY(file.string_or("general.name", file.name()))},
                                {"architecture", "bert"},
                                {"parameters", parameters},
                                {"file_bytes", file.file_bytes()},
                                {"files", file.n_shards()},
                                {"vocabulary", c.n_vocab},
                                {"layers", c.n_layers},
                                {"embedding", c.n_embd},
                                {"heads", c.n_heads},
                                {"context_length", c.context_length},
                                {"pooling", c.pooling == EncoderConfig::Pooling::kMean ? "mean" : "first"}};
}

Result<int> info(const CommandContext& context) {
  uint64_t files = 1;
  if (std::filesystem::is_regular_file(context.config.model)) {
    const Gguf file = TRY(Gguf::open(context.config.model));
    if (TRY(file.string_or("general.architecture", "")) == "bert")
      return print_all(context, TRY(encoder_info(file)));
    files = file.n_shards();
  }
  const std::unique_ptr<Model> model =
      TRY(open_model(context.config.model, 1, context.config.context_length));
  const ModelInfo& m = model->info();
  return print_all(context, {{"name", m.name},
                             {"architecture", m.architecture},
                             {"parameters", m.parameters},
                             {"file_bytes", m.file_bytes},
                             {"files", files},
                             {"vocabulary", m.n_vocab},
                             {"layers", m.n_layers},
                             {"embedding", m.n_embd},
                             {"heads", m.n_heads},
                             {"kv_heads", m.n_kv_heads},
                             {"head_dim", m.head_dim},
                             {"context_length", m.context_length},
                             {"kv_bytes_per_token", m.kv.frame_bytes() / PHI_PAGE_TOKENS},
                             {"chat_template", m.chat_template},
                             {"markers_are_tokens", model->tokenizer().marker("<|phi_sys|>") >= 0},
                             {"id", fmt::format("{:016x}", m.id)}});
}

struct TokenizeOptions {
  std::string file, text, texts;
  bool bos = false, special = false;
};

// The texts that are asked for: one, or those of a JSON list.
Result<std::vector<std::string>> texts_of(const TokenizeOptions& options) {
  if (options.texts.empty())
    return std::vector{options.file.empty() ? options.text : TRY(read_text(options.file))};
  const auto list = nlohmann::json::parse(TRY(read_text(options.texts)), nullptr, false);
  std::vector<std::string> texts;
  for (const auto& one : list) {
    if (!list.is_array() || !one.is_string()) break;
    texts.push_back(one.get<std::string>());
  }
  if (!list.is_array() || texts.size() != list.size())
    return fail(ErrorCode::EPARSE_, options.texts + ": no JSON list of texts");
  return texts;
}

void print_tokens(const CommandContext& context, const std::vector<Token>& tokens) {
  if (context.json) {
    fmt::print("{}\n", nlohmann::json(tokens).dump());
    return;
  }
  for (size_t i = 0; i < tokens.size(); i++) fmt::print("{}{}", i == 0 ? "" : " ", tokens[i]);
  fmt::print("\n");
}

// A file's vocabulary is read without its weights, which it may not have.
Result<int> tokenize(const CommandContext& context, const TokenizeOptions& options) {
  std::unique_ptr<Tokenizer> of_file;
  std::unique_ptr<Model> model;
  if (std::filesystem::is_regular_file(context.config.model))
    of_file = TRY(make_tokenizer(TRY(Gguf::open(context.config.model))));
  else
    model = TRY(open_model(context.config.model, 1));
  const Tokenizer& tokenizer = of_file ? *of_file : model->tokenizer();
  for (const std::string& text : TRY(texts_of(options))) {
    std::vector<Token> tokens = tokenizer.encode(text, options.special);
    if (options.bos && tokenizer.bos() >= 0) tokens.insert(tokens.begin(), tokenizer.bos());
    print_tokens(context, tokens);
  }
  return 0;
}

struct GenerateOptions {
  std::string prompt, file, logits;
  uint32_t n = 64, speculate = 0;
  SamplerParams sampling;
  bool special = false, ignore_end = false;
};

// A text that a model goes on with, token by token or, where guesses come true, several in one pass.
class Generation {
 public:
  Generation(LoneSequence& sequence, const Tokenizer& tokenizer, const GenerateOptions& options,
             uint64_t seed)
      : sequence_(sequence),
        tokenizer_(tokenizer),
        options_(options),
        sampler_(options.sampling, seed),
        draft_(options.speculate) {}

  // `write`: takes the logits of each token that is generated; `show`: the token.
  Status run(std::vector<Token> prompt, const std::function<Status(std::span<const float>)>& write,
             const std::function<void(Token)>& show) {
    text_ = std::move(prompt);
    left_ = options_.n;
    while (left_ > 0 && status_) {
      std::vector<Token> pass(text_.begin() + sequence_.positions(), text_.end());
      if (pass.size() == 1) guess_next(text_, std::min(draft_.next(), left_ - 1), pass);
      TRY(one_pass(pass, write, show));
    }
    return status_;
  }
  const std::vector<Token>& text() const { return text_; }

 private:
  Status one_pass(const std::vector<Token>& pass, const std::function<Status(std::span<const float>)>& write,
                  const std::function<void(Token)>& show) {
    const size_t first = sequence_.positions(), waits = text_.size() - first;
    bool right = true;  // so far
    uint32_t came_true = 0;
    const auto see = [&](uint32_t position, std::span<float> logits) {
      if (!right || left_ == 0 || position + 1 < text_.size()) return;
      status_ = write(logits);
      const Token next = sample(sampler_, logits, {});
      --left_;
      if (!status_ || (tokenizer_.is_end(next) && !options_.ignore_end)) {
        left_ = 0;
        return;
      }
      text_.push_back(next);
      show(next);
      const size_t guess = position + 1 - first;
      right = guess < pass.size() && pass[guess] == next;
      came_true += right ? 1 : 0;
    };
    TRY(sequence_.compute(pass, pass.size() > waits, see));
    sequence_.truncate(static_cast<uint32_t>(text_.size() - 1));
    if (pass.size() > waits) draft_.came_true(came_true);
    return {};
  }

  LoneSequence& sequence_;
  const Tokenizer& tokenizer_;
  const GenerateOptions& options_;
  SamplerState sampler_;
  DraftLength draft_;
  std::vector<Token> text_;
  uint32_t left_ = 0;
  Status status_;
};

Result<std::vector<Token>> prompt_tokens(const Tokenizer& tokenizer, const GenerateOptions& options) {
  std::vector<Token> tokens;
  if (tokenizer.adds_bos() && tokenizer.bos() >= 0) tokens.push_back(tokenizer.bos());
  const std::vector<Token> prompt =
      tokenizer.encode(options.file.empty() ? options.prompt : TRY(read_text(options.file)), options.special);
  tokens.insert(tokens.end(), prompt.begin(), prompt.end());
  if (tokens.empty())
    return fail(ErrorCode::EINVAL_, "the prompt is empty, and this model has no token that begins a text");
  return tokens;
}

Result<int> generate(const CommandContext& context, const GenerateOptions& options) {
  const std::unique_ptr<Model> model =
      TRY(open_model(context.config.model, context.config.threads, context.config.context_length));
  const Tokenizer& tokenizer = model->tokenizer();
  std::vector<Token> tokens = TRY(prompt_tokens(tokenizer, options));
  const size_t prompt = tokens.size();
  const uint64_t positions = prompt + options.n;
  if (positions > model->info().context_length) {
    return fail(ErrorCode::ELIMIT_, fmt::format("{} tokens and {} more: the model takes {}", prompt,
                                                options.n, model->info().context_length));
  }
  std::FILE* logits = nullptr;
  if (!options.logits.empty() && !(logits = std::fopen(options.logits.c_str(), "wb"))) {
    return fail(ErrorCode::EIO_, fmt::format("{}: cannot be written", options.logits));
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closes(
      logits, [](std::FILE* file) { return file ? std::fclose(file) : 0; });
  const auto write = [&](std::span<const float> row) -> Status {
    if (logits && std::fwrite(row.data(), sizeof(float), row.size(), logits) != row.size())
      return fail(ErrorCode::EIO_, fmt::format("{}: the disk took only a part", options.logits));
    return {};
  };
  const auto show = [&](Token token) {
    if (context.json) return;
    fmt::print("{}", tokenizer.bytes(token));
    std::fflush(stdout);
  };
  const auto sequence = TRY(LoneSequence::make(*model, static_cast<uint32_t>(positions)));
  Generation generation(*sequence, tokenizer, options, context.config.seed);
  TRY(generation.run(std::move(tokens), write, show));
  if (context.json) {
    const std::vector<Token> made(generation.text().begin() + static_cast<ptrdiff_t>(prompt),
                                  generation.text().end());
    std::string text;
    for (const Token token : made) text += tokenizer.bytes(token);
    fmt::print("{}\n", nlohmann::json{{"tokens", made}, {"text", text}}.dump(
                           -1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("\n");
  }
  return 0;
}

}  // namespace

void add_model_commands(Command app, CommandContext& context) {
  Command model = app.command("model", "what a model file holds, and files made anew");
  model.need_command();
  model.command("info", "shape, vocabulary and chat template of --model")
      .callback(command_callback(context, [&context] { return info(context); }));
  add_model_file_commands(model, context);
  add_embed_command(app, context);

  auto t = std::make_shared<TokenizeOptions>();
  Command command = app.command(
      "tokenize", "print the token ids of a text: no BOS, and no special tokens in the text, unless asked");
  command.option("--file", t->file, "the text's file, or -").value_name("FILE");
  command.option("TEXT", t->text, "the text itself").excludes("--file");
  command.option("--texts", t->texts, "a file that holds a JSON list of texts: the ids of each on a line")
      .value_name("FILE")
      .excludes("--file")
      .excludes("TEXT");
  command.flag("--bos", t->bos, "begin with the token that begins a text");
  command.flag("--special", t->special, "special tokens that the text spells become tokens");
  command.callback(command_callback(context, [&context, t] { return tokenize(context, *t); }));

  auto g = std::make_shared<GenerateOptions>();
  command = app.command("generate", "plain generation, no kernel around it");
  command.footer(
      "--logits writes float32, little-endian: a row of the vocabulary's size for each generated token, "
      "before temperature.");
  command.option("--prompt", g->prompt, "the text to go on from");
  command.option("--file", g->file, "its file, or -").excludes("--prompt").value_name("FILE");
  command.option("--n", g->n, "tokens to generate").range(1, PHI_CONTEXT_MAX);
  command.option("--temp", g->sampling.temperature, "0 is greedy").range(0.0, 100.0);
  command.option("--top-k", g->sampling.top_k, "0: all");
  command.option("--top-p", g->sampling.top_p, "1: all").range(0.0, 1.0);
  command.option("--min-p", g->sampling.min_p, "0: all").range(0.0, 1.0);
  command
      .option("--speculate", g->speculate,
              "guess at most so many tokens in a pass from what the text said before: the same text, faster")
      .range(0u, kGuessesMax);
  command.option("--logits", g->logits, "where the logits go").value_name("FILE");
  command.flag("--special", g->special, "special tokens that the prompt spells become tokens");
  command.flag("--ignore-end", g->ignore_end, "go on past the model's end of text");
  command.callback(command_callback(context, [&context, g] { return generate(context, *g); }));
}

}  // namespace phios
