#include "kernel/boot/cmd/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "drivers/model/native/config.h"
#include "drivers/model/native/convert.h"
#include "drivers/model/native/induction_model.h"
#include "drivers/model/native/random_model.h"
#include "drivers/model/native/requantize.h"
#include "kernel/boot/cmd/eval.h"

namespace phios {

Status write_model_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be written", path));
  return {};
}

namespace {

constexpr uint64_t kRandomElementsMax = uint64_t{1} << 34;  // of a random model

Result<GgmlType> type_of(const std::string& name) {
  const GgmlTypeInfo* info = ggml_type_named(name);
  if (!info) return fail(ErrorCode::EINVAL_, fmt::format("\"{}\" is no tensor type that is read here", name));
  return info->type;
}

struct RandomOptions {
  std::string architecture = "llama", shape, type = "f16", embedding_type, output_type, out;
  uint64_t seed = 1;
  bool tied = false, words = false;
  std::string rope_scaling;
  float rope_factor = 4, outliers = 1;
  bool rope_factors = false;
};

struct ShapeKey {
  std::string_view name;
  uint32_t RandomModelOptions::* value;
  uint32_t most;
};
constexpr ShapeKey kShapeKeys[] = {{"embd", &RandomModelOptions::n_embd, ModelConfig::kEmbdMax},
                                   {"layers", &RandomModelOptions::n_layers, ModelConfig::kLayersMax},
                                   {"heads", &RandomModelOptions::n_heads, ModelConfig::kHeadsMax},
                                   {"kv_heads", &RandomModelOptions::n_kv_heads, ModelConfig::kHeadsMax},
                                   {"head_dim", &RandomModelOptions::head_dim, ModelConfig::kHeadDimMax},
                                   {"ff", &RandomModelOptions::n_ff, ModelConfig::kFeedForwardMax},
                                   {"vocab", &RandomModelOptions::n_vocab, 1u << 20},
                                   {"window", &RandomModelOptions::window, PHI_CONTEXT_MAX},
                                   {"context", &RandomModelOptions::context_length, PHI_CONTEXT_MAX}};

// "embd=1024,layers=24,…" into options; what is not named stays, heads share the embedding's length, and keys
// and values have as many heads as queries.
Status read_shape(std::string_view shape, RandomModelOptions& options) {
  bool has_kv = false, has_dim = false;
  while (!shape.empty()) {
    const std::string_view part = shape.substr(0, shape.find(','));
    shape.remove_prefix(std::min(shape.size(), part.size() + 1));
    const size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    const auto* key = std::ranges::find(kShapeKeys, name, &ShapeKey::name);
    if (key == std::end(kShapeKeys))
      return fail(ErrorCode::EINVAL_,
                  fmt::format("--shape: \"{}\" is not one of embd, layers, heads, kv_heads, "
                              "head_dim, ff, vocab, window, context",
                              name));
    const std::string_view digits = part.substr(std::min(equals + 1, part.size()));
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value == 0 || value > key->most)
      return fail(ErrorCode::EINVAL_, fmt::format("--shape: {} is \"{}\", a number from 1 to {} was expected",
                                                  name, digits, key->most));
    options.*key->value = value;
    has_kv |= name == "kv_heads";
    has_dim |= name == "head_dim";
  }
  if (!has_kv) options.n_kv_heads = options.n_heads;
  if (!has_dim) options.head_dim = std::max(1u, options.n_embd / options.n_heads);
  return {};
}

Status check_shape(const RandomModelOptions& o) {
  const auto bad = [](const std::string& what) { return fail(ErrorCode::EINVAL_, "--shape: " + what); };
  if (o.n_heads % o.n_kv_heads != 0)
    return bad(fmt::format("{} heads over {} kv_heads", o.n_heads, o.n_kv_heads));
  if (o.head_dim % ModelConfig::kHeadDimStep != 0)
    return bad(fmt::format("head_dim is {}, no multiple of {}", o.head_dim, ModelConfig::kHeadDimStep));
  if (o.n_vocab < kByteVocabulary)
    return bad(fmt::format("vocab is {}, at least {}", o.n_vocab, kByteVocabulary));
  for (const GgmlType type : {o.type, o.embedding_type, o.output_type.value_or(o.type)}) {
    const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type));
    for (const uint32_t n : {o.n_embd, o.n_ff, o.n_heads * o.head_dim})
      if (n % info->block_elements != 0)
        return bad(fmt::format("rows of {} are no multiple of {}'s blocks of {}", n, info->name,
                               info->block_elements));
  }
  const uint64_t heads = uint64_t{o.n_heads} * o.head_dim + uint64_t{o.n_kv_heads} * o.head_dim;
  const uint64_t layer = uint64_t{o.n_embd} * (2 * heads + 3 * uint64_t{o.n_ff});
  if (o.n_layers * layer + 2 * uint64_t{o.n_vocab} * o.n_embd > kRandomElementsMax)
    return fail(ErrorCode::ETOOBIG_, fmt::format("--shape: over {} weights", kRandomElementsMax));
  return {};
}

Result<int> random(const RandomOptions& options) {
  if (const auto known = decoder_architectures();
      options.architecture != "bert" && std::ranges::find(known, options.architecture) == known.end())
    return fail(ErrorCode::EINVAL_, fmt::format("--arch {}: {} and bert are known", options.architecture,
                                                fmt::join(known, ", ")));
  RandomModelOptions o{.architecture = options.architecture};
  o.type = TRY(type_of(options.type));
  o.embedding_type = options.embedding_type.empty() ? o.type : TRY(type_of(options.embedding_type));
  if (!options.output_type.empty()) o.output_type = TRY(type_of(options.output_type));
  o.seed = options.seed;
  o.tied = options.tied;
  o.words = options.words;
  o.rope_factors = options.rope_factors;
  o.outliers = options.outliers;
  TRY(read_shape(options.shape, o));
  if (!options.rope_scaling.empty()) {
    o.rope_scaling = options.rope_scaling;
    o.rope_scale_factor = options.rope_factor;
    o.rope_original_context =
        std::max(1u, static_cast<uint32_t>(static_cast<float>(o.context_length) / options.rope_factor));
  }
  TRY(check_shape(o));
  TRY(write_model_file(options.out, make_random_model(o)));
  return 0;
}

struct InductionOptions {
  std::string type = "f16", out;
  InductionModelOptions model;
};

Result<int> induction(const InductionOptions& options) {
  InductionModelOptions o = options.model;
  o.type = TRY(type_of(options.type));
  TRY(write_model_file(options.out, make_induction_model(o)));
  return 0;
}

struct QuantizeOptions {
  std::string in, out, type;
};

Result<int> quantize_model(const QuantizeOptions& options) {
  const GgmlType type = TRY(type_of(options.type));
  const Gguf file = TRY(Gguf::open(options.in));
  TRY(write_model_file(options.out, TRY(requantize(file, type))));
  return 0;
}

struct ConvertOptions {
  std::string in, out, type = "f16";
  bool vocab_only = false;
};

Result<int> convert(const ConvertOptions& options) {
  const GgmlType type = TRY(type_of(options.type));
  TRY(write_model_file(options.out, TRY(options.vocab_only ? convert_vocabulary(options.in)
                                                           : convert_model(options.in, type))));
  return 0;
}

struct ShuffleOptions {
  std::string in, out;
  uint64_t seed = 1;
};

// The weights' distribution stays, matrix by matrix, and what they knew is gone.
Result<int> shuffle_model(const ShuffleOptions& options) {
  CaseRandom random(options.seed);
  const Gguf file = TRY(Gguf::open(options.in));
  const Remake shuffle = [&](const GgufTensor& t, std::span<float> values) -> std::optional<GgmlType> {
    for (size_t i = values.size(); i > 1; i--) std::swap(values[i - 1], values[random.below(i)]);
    return t.type;
  };
  TRY(write_model_file(options.out, remake_matrices(file, shuffle)));
  return 0;
}

}  // namespace

void add_model_file_commands(Command model, CommandContext& context) {
  auto r = std::make_shared<RandomOptions>();
  Command command = model.command("random", "write a file of random weights in a given shape");
  command.option("--arch", r->architecture, "llama, qwen2, qwen3, gemma, gemma2, gemma3, phi3 or bert")
      .show_default();
  command.option("--shape", r->shape,
                 "embd=1024,layers=24,heads=16,kv_heads=4,ff=4096,vocab=50257,context=16384, or some of them "
                 "(else phi-nano's); head_dim and window too");
  command.option("--type", r->type, "of the matrices").show_default();
  command.option("--embedding-type", r->embedding_type, "of the embedding, if another");
  command.option("--output-type", r->output_type, "of the output, if another");
  command.flag("--tied", r->tied, "the output is the embedding");
  command.flag("--words", r->words, "tokens beyond the bytes are words");
  command.option("--rope-scaling", r->rope_scaling, "linear, yarn or longrope (with --rope-factors)")
      .one_of({"linear", "yarn", "longrope"});
  command.option("--rope-factor", r->rope_factor, "of the scaling").range(1.0, 1000.0);
  command.flag("--rope-factors", r->rope_factors, "a tensor of factors, as Llama 3.1 has one; of phi3 two");
  command.option("--outliers", r->outliers, "times so much is every 16th channel of keys and values")
      .range(1.0, 1000.0);
  command.option("--weights-seed", r->seed, "of the weights").show_default();
  command.option("OUT", r->out, "the file").required();
  command.callback(command_callback(context, [r] { return random(*r); }));

  auto i = std::make_shared<InductionOptions>();
  command =
      model.command("induction", "write a file of weights set by hand that recall what followed a word");
  command.footer(
      "Behind a word with a capital it says what followed that word elsewhere in its context.\n\nExample:\n"
      "  phios model induction a.gguf\n"
      "  phios generate --model a.gguf --prompt ' Kufe tohi hiko Tohi remu hiko Kufe' --n 2");
  command.option("--context", i->model.context_length, "tokens that it takes")
      .range(PHI_PAGE_TOKENS, PHI_CONTEXT_MAX)
      .show_default();
  command.option("--words", i->model.n_words, "words that it knows")
      .range(uint32_t{1}, kInductionWordsMax)
      .show_default();
  command.option("--type", i->type, "of the matrices").show_default();
  command.option("--weights-seed", i->model.seed, "of the words' codes").show_default();
  command.option("OUT", i->out, "the file").required();
  command.callback(command_callback(context, [i] { return induction(*i); }));

  auto q = std::make_shared<QuantizeOptions>();
  command = model.command("quantize", "write a file with its matrices in another type");
  command.option("IN", q->in, "a GGUF file").required();
  command.option("OUT", q->out, "the new one").required();
  command.option("TYPE", q->type, "F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_1 or Q4_0")
      .required();
  command.callback(command_callback(context, [q] { return quantize_model(*q); }));

  auto c = std::make_shared<ConvertOptions>();
  command = model.command("convert", "write a model of Hugging Face's form as a GGUF file");
  command.footer(
      "IN holds config.json, tokenizer.json and model.safetensors (or its index and parts): llama, mistral, "
      "qwen2, qwen3, gemma, gemma2, gemma3_text, phi3 or bert.\n\nExample:\n  phios model convert Qwen3-0.6B "
      "qwen3.gguf --type q8_0");
  command.option("IN", c->in, "the folder").required();
  command.option("OUT", c->out, "the file").required();
  command.option("--type", c->type, "of the matrices, as quantize has it").show_default();
  command.flag("--vocab-only", c->vocab_only,
               "write the vocabulary alone, for `phios tokenize`; tokenizer.json is enough");
  command.callback(command_callback(context, [c] { return convert(*c); }));
  add_prune_command(model, context);
  add_calibrate_command(model, context);

  auto s = std::make_shared<ShuffleOptions>();
  command = model.command("shuffle", "write a file with the weights of each matrix in random order");
  command.footer("What a model does by its weights falls to chance; what the grammar alone ensures stays.");
  command.option("IN", s->in, "a GGUF file").required();
  command.option("OUT", s->out, "the new one").required();
  command.option("--weights-seed", s->seed, "of the order").show_default();
  command.callback(command_callback(context, [s] { return shuffle_model(*s); }));
}

}  // namespace phios
