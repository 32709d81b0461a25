#include "drivers/model/native/induction_model.h"

#include <fmt/format.h>

#include <cassert>
#include <cctype>
#include <cmath>
#include <span>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/random_model.h"
#include "kernel/base/env.h"

namespace phios {

namespace {

// The residual stream, part by part. A part begins on a block of the types that quantise.
constexpr uint32_t kHeadDim = 128, kBlock = 32;
constexpr uint32_t kAsks = 0;                     // the code that this token looks for
constexpr uint32_t kIs = kAsks + kHeadDim;        // the code of the token itself
constexpr uint32_t kFollows = kIs + kHeadDim;     // the code of the token before: written by layer 0
constexpr uint32_t kSays = kFollows + kHeadDim;   // the code of the next token: written by layer 1
constexpr uint32_t kConstant = kSays + kHeadDim;  // 1
constexpr uint32_t kEmbd = kConstant + kBlock;
constexpr uint32_t kFeedForward = kBlock;  // of zeros

// Pair i of a head turns by kTurn^i radians a position. The first pairs tell the token before from all
// others; those that turn by less than kStill over the whole context hold codes.
constexpr double kTurn = 0.35, kStill = 0.02;
constexpr float kClock[] = {3, 2, 1, 1, 1, 1, 1, 1, 1, 1};  // weight of each pair that tells the time
constexpr float kClockScore = 16;  // nats for a weight of 1; the nearest other position is 24 nats behind
constexpr uint32_t kMarks = 8;
constexpr float kMatchScore = 60;  // nats for the code that is asked for
constexpr float kLogit = 40;       // of the token that is said

constexpr std::string_view kConsonants = "bdfghjklmnprstvz", kVowels = "aeiou";
constexpr uint32_t kSyllables = static_cast<uint32_t>(kConsonants.size() * kVowels.size());
static_assert(kInductionWordsMax <= kSyllables * kSyllables);
constexpr uint32_t kStride = 2731;  // prime to the number of words there could be: neighbours look different

using Code = std::vector<float>;

class Maker {
 public:
  explicit Maker(const InductionModelOptions& options)
      : o_(options), n_vocab_(kByteVocabulary + 2 * options.n_words) {
    assert(o_.n_words > 0 && o_.n_words <= kInductionWordsMax);
    while (std::pow(kTurn, first_still_) * o_.context_length > kStill) ++first_still_;
    assert(first_still_ >= std::size(kClock) && first_still_ < kHeadDim / 2);
  }

  std::vector<std::byte> make() {
    metadata();
    vocabulary();
    embeddings();
    clock_layer();
    match_layer();
    norm("output_norm.weight", 1 + 1 + 1 + 1 + 1);
    return writer_.finish();
  }

 private:
  // [n_out][n_in], of zeros at first.
  struct Matrix {
    uint32_t n_in, n_out;
    std::vector<float> values;
    Matrix(uint32_t in, uint32_t out) : n_in(in), n_out(out), values(size_t{in} * out) {}
    float& at(uint32_t out, uint32_t in) { return values[size_t{out} * n_in + in]; }
  };

  uint32_t still_dims() const { return kHeadDim - 2 * first_still_; }

  // Length 1, in kMarks of n channels: as in trained models a few channels of a key stand out, which is what
  // lets the ranges of a page's channels tell what is in it.
  Code code(uint32_t n) {
    Code out(n);
    for (uint32_t marks = 0; marks < kMarks;) {
      const uint64_t bits = derive_seed(o_.seed, drawn_++);
      float& channel = out[(bits >> 1) % n];
      if (channel != 0) continue;
      channel = ((bits & 1) != 0 ? 1 : -1) / std::sqrt(static_cast<float>(kMarks));
      ++marks;
    }
    return out;
  }

  void metadata() {
    writer_.string("general.architecture", "llama");
    writer_.string("general.name", "induction");
    writer_.uint32("llama.context_length", o_.context_length);
    writer_.uint32("llama.embedding_length", kEmbd);
    writer_.uint32("llama.block_count", 2);
    writer_.uint32("llama.feed_forward_length", kFeedForward);
    writer_.uint32("llama.attention.head_count", 1);
    writer_.uint32("llama.attention.head_count_kv", 1);
    writer_.uint32("llama.attention.key_length", kHeadDim);
    writer_.uint32("llama.attention.value_length", kHeadDim);
    writer_.uint32("llama.rope.dimension_count", kHeadDim);
    writer_.float32("llama.rope.freq_base",
                    static_cast<float>(std::pow(kTurn, -static_cast<int>(kHeadDim) / 2)));
    writer_.float32("llama.attention.layer_norm_rms_epsilon", 1e-9f);
  }

  // Words stand with the space before them, whole, whatever the merges say: the manners of "llama-bpe".
  void vocabulary() {
    std::vector<std::string> tokens = byte_vocabulary(kByteVocabulary);
    std::vector<int32_t> types = byte_vocabulary_types(kByteVocabulary);
    const std::string space = tokens[' '];
    for (uint32_t w = 0; w < o_.n_words; ++w) tokens.push_back(space + induction_value(w));
    for (uint32_t w = 0; w < o_.n_words; ++w) tokens.push_back(space + induction_key(w));
    types.resize(n_vocab_, types[' ']);
    const std::vector<std::string> merges = {space + " " +
                                             space};  // never merges, but other engines want one
    writer_.string("tokenizer.ggml.model", "gpt2");
    writer_.string("tokenizer.ggml.pre", "llama-bpe");
    writer_.strings("tokenizer.ggml.tokens", tokens);
    writer_.int32s("tokenizer.ggml.token_type", types);
    writer_.strings("tokenizer.ggml.merges", merges);
    writer_.uint32("tokenizer.ggml.bos_token_id", kByteVocabulary - 1);
    writer_.uint32("tokenizer.ggml.eos_token_id", kByteVocabulary - 1);
    writer_.boolean("tokenizer.ggml.add_bos_token", true);
  }

  // The first still_dims() of what a token is are what is matched; all of it is what is said.
  void embeddings() {
    Matrix in(kEmbd, n_vocab_), out(kEmbd, n_vocab_);
    const auto put = [&](uint32_t token, const Code& asks, const Code& matched) {
      const Code rest = code(kHeadDim - still_dims());
      for (uint32_t i = 0; i < kHeadDim; ++i) {
        const float is = (i < still_dims() ? matched[i] : rest[i - still_dims()]) * std::sqrt(0.5f);
        in.at(token, kIs + i) = is;
        out.at(token, kSays + i) = kLogit * is;
      }
      for (uint32_t i = 0; i < still_dims(); ++i) in.at(token, kAsks + i) = asks[i];
      in.at(token, kConstant) = 1;
    };
    for (uint32_t token = 0; token < kByteVocabulary; ++token) {
      const Code own = code(still_dims());
      put(token, own, own);
    }
    for (uint32_t w = 0; w < o_.n_words; ++w) {
      const Code key = code(still_dims());
      put(kByteVocabulary + w, key, code(still_dims()));
      put(kByteVocabulary + o_.n_words + w, key, key);
    }
    matrix("token_embd.weight", in);
    matrix("output.weight", out);
  }

  // Score of the position `distance` back: Σ w_i cos((distance - 1) kTurn^i), largest one back.
  void clock_layer() {
    Matrix q(kEmbd, kHeadDim), k(kEmbd, kHeadDim), v(kEmbd, kHeadDim), o(kHeadDim, kEmbd);
    for (uint32_t i = 0; i < std::size(kClock); ++i) {
      const float size = std::sqrt(kClockScore * kClock[i] * std::sqrt(float{kHeadDim}));
      const double angle = std::pow(kTurn, i);
      q.at(2 * i, kConstant) = size;
      k.at(2 * i, kConstant) = size * static_cast<float>(std::cos(angle));
      k.at(2 * i + 1, kConstant) = size * static_cast<float>(std::sin(angle));
    }
    for (uint32_t i = 0; i < still_dims(); ++i) {
      v.at(i, kIs + i) = 1;
      o.at(kFollows + i, i) = std::sqrt(2.0f);
    }
    layer("blk.0.", 1 + 1 + 1, q, k, v, o);
  }

  // What is asked for against what each token follows; the answer is that token itself.
  void match_layer() {
    Matrix q(kEmbd, kHeadDim), k(kEmbd, kHeadDim), v(kEmbd, kHeadDim), o(kHeadDim, kEmbd);
    const float size = std::sqrt(kMatchScore * std::sqrt(float{kHeadDim}));
    for (uint32_t i = 0; i < still_dims(); ++i) {
      q.at(2 * first_still_ + i, kAsks + i) = size;
      k.at(2 * first_still_ + i, kFollows + i) = size;
    }
    for (uint32_t i = 0; i < kHeadDim; ++i) v.at(i, kIs + i) = o.at(kSays + i, i) = 1;
    layer("blk.1.", 1 + 1 + 1 + 1, q, k, v, o);
  }

  // `squares`: of the length of what the layer reads, so that its norm leaves that as it is.
  void layer(const std::string& p, int squares, const Matrix& q, const Matrix& k, const Matrix& v,
             const Matrix& o) {
    norm(p + "attn_norm.weight", squares);
    matrix(p + "attn_q.weight", q);
    matrix(p + "attn_k.weight", k);
    matrix(p + "attn_v.weight", v);
    matrix(p + "attn_output.weight", o);
    norm(p + "ffn_norm.weight", squares);
    matrix(p + "ffn_gate.weight", Matrix(kEmbd, kFeedForward));
    matrix(p + "ffn_up.weight", Matrix(kEmbd, kFeedForward));
    matrix(p + "ffn_down.weight", Matrix(kFeedForward, kEmbd));
  }

  void norm(const std::string& name, int squares) {
    const std::vector<float> values(kEmbd, std::sqrt(static_cast<float>(squares) / kEmbd));
    writer_.tensor(name, GgmlType::kF32, {kEmbd}, std::as_bytes(std::span(values)));
  }

  void matrix(const std::string& name, const Matrix& m) {
    writer_.tensor(name, o_.type, {m.n_in, m.n_out}, quantize(o_.type, m.values));
  }

  const InductionModelOptions& o_;
  const uint32_t n_vocab_;
  uint32_t first_still_ = 0;  // the pairs from here on do not turn
  uint64_t drawn_ = 0;
  GgufWriter writer_;
};

}  // namespace

std::vector<std::byte> make_induction_model(const InductionModelOptions& options) {
  return Maker(options).make();
}

std::string induction_value(uint32_t word) {
  std::string out;
  const uint32_t place = word * kStride % (kSyllables * kSyllables);
  for (const uint32_t syllable : {place / kSyllables, place % kSyllables}) {
    out += kConsonants[syllable / kVowels.size()];
    out += kVowels[syllable % kVowels.size()];
  }
  return out;
}

std::string induction_key(uint32_t word) {
  std::string out = induction_value(word);
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

}  // namespace phios
