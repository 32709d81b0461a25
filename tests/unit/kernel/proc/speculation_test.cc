// Decoding with guesses beside decoding without: the same tokens, the same places in context and pages.
#include <gtest/gtest.h>

#include <atomic>

#include "drivers/model/native/native_model.h"
#include "drivers/model/native/random_model.h"
#include "tests/unit/kernel/proc/machine.h"

namespace phios {
namespace {

constexpr uint64_t kTokens = 120;  // of a decoder, in all
constexpr std::string_view kPrompt =
    "Rules: the river runs past seven stones. The river runs past seven stones. The river";

// One decoder that goes on after every frame, as a process would, until its tokens are used up.
class Trial final : private Decoder::Listener {
 public:
  Trial(Machine& machine, const GrammarSpec* spec, const SamplerParams& params, uint64_t seed,
        uint32_t guesses)
      : machine_(machine), decoder_(machine.services(), std::make_shared<Budget>(nullptr, Pid{}), Pid{1}) {
    if (spec) decoder_.set_matcher(machine.matcher(*spec));
    decoder_.sampler() = SamplerState(params, seed);
    decoder_.set_speculation(guesses);
    const Vocabulary& v = machine.services().vocabulary;
    decoder_.context().append(v.beginning(), Origin::kPrompt, {});
    decoder_.context().append(v.encode(std::string(kPrompt) + std::to_string(seed)), Origin::kPrompt, {});
  }
  void start() { decoder_.start(*this, Decoder::Mode::kDecode, kTokens); }
  void wait() { over_.wait(false); }

  Decoder& decoder() { return decoder_; }
  const std::vector<uint32_t>& stops() const { return stops_; }

 private:
  void on_stop(Decoder& decoder, Decoder::Stop stop) override {
    stops_.push_back(static_cast<uint32_t>(stop) * 100'000 + decoder.context().size());
    computed_ok_ = computed_ok_ && decoder.context().computed() <= decoder.context().size();
    EXPECT_NE(stop, Decoder::Stop::kError) << decoder.error().message;
    const uint64_t generated = decoder.context().counts().generated;
    if (stop != Decoder::Stop::kFrame || generated >= kTokens || decoder.matcher().frame_answered()) {
      EXPECT_TRUE(computed_ok_);
      over_.store(true);
      over_.notify_all();
      return;
    }
    decoder.context().append(machine_.services().vocabulary.result("ok 7"), Origin::kResult, {});
    decoder.start(*this, Decoder::Mode::kDecode, kTokens - generated);
  }

  Machine& machine_;
  Decoder decoder_;
  std::vector<uint32_t> stops_;
  bool computed_ok_ = true;
  std::atomic<bool> over_{false};
};

void expect_same(Trial& plain, Trial& guessing) {
  EXPECT_EQ(guessing.decoder().context().tokens(), plain.decoder().context().tokens());
  EXPECT_EQ(guessing.decoder().context().computed(), plain.decoder().context().computed());
  EXPECT_EQ(guessing.decoder().text(), plain.decoder().text());
  EXPECT_EQ(guessing.stops(), plain.stops());
  const TokenCounts &a = plain.decoder().context().counts(), &b = guessing.decoder().context().counts();
  EXPECT_EQ(b.choices, a.choices);
  EXPECT_EQ(b.retracted, a.retracted);
  // What is retracted was computed as far as its pass went.
  EXPECT_LE(b.forwarded - b.rejected, a.forwarded);
  EXPECT_GE(b.forwarded - b.rejected + b.retracted, a.forwarded);
  EXPECT_LE(b.rejected, b.guessed);
}

std::unique_ptr<Model> random_model() {
  RandomModelOptions options{.n_layers = 2, .n_embd = 128, .n_heads = 4, .n_kv_heads = 4, .n_ff = 160};
  return std::move(*open_native_model(make_random_model(options), "random", {.threads = 2}));
}

std::unique_ptr<Model> nano() {
  const std::string path = std::string(PHIOS_SOURCE_DIR) + "/userland/models/phi-nano.gguf";
  return std::move(*open_native_model(path, {.threads = 2}));
}

GrammarSpec any_frame() { return {.rights = RightSet::all(), .labels = {}, .form = {}}; }
GrammarSpec only_writes() {
  return {.rights = RightSet::all(),
          .labels = {},
          .form = {"WRITE [a-z]{1,3} \"[a-z ]{0,20}\"", "MOV [a-z] [0-9]{2}"}};
}

class Speculation : public testing::TestWithParam<std::tuple<bool, int, float>> {};

TEST_P(Speculation, ChangesNothing) {
  const auto [is_random, grammar, temperature] = GetParam();
  Machine machine(is_random ? random_model() : nano());
  const GrammarSpec specs[] = {any_frame(), only_writes()};
  const GrammarSpec* spec = grammar == 0 ? nullptr : &specs[grammar - 1];
  TokenCounts all;
  for (const uint64_t seed : {1, 2, 3}) {
    Trial plain(machine, spec, {.temperature = temperature}, seed, 0);
    plain.start();
    plain.wait();
    EXPECT_EQ(plain.decoder().context().counts().guessed, 0u);
    for (const uint32_t guesses : {1u, 4u, 15u}) {
      Trial guessing(machine, spec, {.temperature = temperature}, seed, guesses);
      guessing.start();
      guessing.wait();
      expect_same(plain, guessing);
      all += guessing.decoder().context().counts();
    }
  }
  EXPECT_GT(all.guessed, 0u);
  // Random weights at temperature 0 soon say the same again.
  if (is_random && temperature == 0) {
    EXPECT_GT(all.guessed, all.rejected);
  }
}

INSTANTIATE_TEST_SUITE_P(Decoder, Speculation,
                         testing::Combine(testing::Bool(), testing::Values(0, 1, 2),
                                          testing::Values(0.0f, 0.7f)));

TEST(Guesses, OfSeveralTogetherChangesNothing) {
  Machine machine(random_model());
  const GrammarSpec spec = any_frame();
  std::vector<std::unique_ptr<Trial>> plain, guessing;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    plain.push_back(std::make_unique<Trial>(machine, seed % 2 ? &spec : nullptr, SamplerParams{}, seed, 0));
    guessing.push_back(
        std::make_unique<Trial>(machine, seed % 2 ? &spec : nullptr, SamplerParams{}, seed, 3));
  }
  for (auto* runs : {&plain, &guessing}) {
    for (const auto& run : *runs) run->start();
    for (const auto& run : *runs) run->wait();
  }
  for (size_t i = 0; i < plain.size(); ++i) expect_same(*plain[i], *guessing[i]);
}

}  // namespace
}  // namespace phios
