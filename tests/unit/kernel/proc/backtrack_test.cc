// Greedy decoding where the mask refuses what the model means: it goes back to the choice that was close.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <map>

#include "drivers/model/null/null_model.h"
#include "tests/unit/kernel/proc/machine.h"

namespace phios {
namespace {

constexpr Token kSys = 256, kEnd = 257;
constexpr float kUnlikely = -20;

struct Wish {
  std::string frame;
  double weight;
};

// Means to write one of a few frames: a token is as likely as the frames that go on with it.
class Wishful final : public Model {
 public:
  explicit Wishful(std::vector<Wish> wishes)
      : bytes_(std::move(*open_null_model())), wishes_(std::move(wishes)) {}

  const ModelInfo& info() const override { return bytes_->info(); }
  const Tokenizer& tokenizer() const override { return bytes_->tokenizer(); }
  uint32_t max_pass_positions() const override { return bytes_->max_pass_positions(); }
  Status forward(std::span<const PassItem> items, PassTail& tail) override {
    for (size_t i = 0; i < items.size(); i++) {
      std::vector<Token>& text = texts_[items[i].sequence];
      text.resize(items[i].first_pos);
      const size_t n = items[i].tokens.size();
      for (size_t t = 0; t < n; t++) {
        text.push_back(items[i].tokens[t]);
        if (!items[i].want_all_logits && (t + 1 < n || !items[i].want_logits)) continue;
        std::vector<float> logits = logits_behind(text);
        tail.on_logits(i, static_cast<uint32_t>(t), logits);
      }
    }
    return {};
  }

 private:
  std::vector<float> logits_behind(const std::vector<Token>& text) const {
    std::vector<float> logits(info().n_vocab, kUnlikely);
    const auto sys = std::find(text.rbegin(), text.rend(), kSys);
    if (sys == text.rend()) {
      logits[kSys] = 0;
      return logits;
    }
    const std::string frame(sys.base(), text.end());
    std::map<Token, double> next;
    double all = 0;
    for (const Wish& wish : wishes_)
      if (wish.frame.starts_with(frame)) {
        next[frame.size() < wish.frame.size() ? wish.frame[frame.size()] : kEnd] += wish.weight;
        all += wish.weight;
      }
    for (const auto& [token, weight] : next)
      logits[static_cast<size_t>(token)] = static_cast<float>(std::log(weight / all));
    return logits;
  }

  std::unique_ptr<Model> bytes_;
  std::vector<Wish> wishes_;
  std::map<uint64_t, std::vector<Token>> texts_;  // of each sequence
};

struct Outcome {
  std::string frame;
  TokenCounts counts;
  std::vector<Token> tokens;
  uint64_t waiting = 0;  // tokens that no pass has computed yet
};

class Once final : public Decoder::Listener {
 public:
  void on_stop(Decoder& decoder, Decoder::Stop stop) override {
    EXPECT_EQ(stop, Decoder::Stop::kFrame) << decoder.error().message;
    over_.store(true);
    over_.notify_all();
  }
  void wait() { over_.wait(false); }

 private:
  std::atomic<bool> over_{false};
};

// The first frame that such a model writes.
Outcome write(std::vector<Wish> wishes, const std::vector<std::string>& rights, float temperature = 0,
              uint32_t guesses = 0) {
  Machine machine(std::make_unique<Wishful>(std::move(wishes)));
  Decoder decoder(machine.services(), std::make_shared<Budget>(nullptr, Pid{}), Pid{1});
  decoder.set_matcher(
      machine.matcher({.rights = *RightSet::parse(rights), .labels = {}, .form = {}, .free_text = false}));
  decoder.sampler() = SamplerState({.temperature = temperature}, 1);
  decoder.set_speculation(guesses);
  decoder.context().append(machine.services().vocabulary.encode("SEND SELF WRITE a b. SEND SEL"),
                           Origin::kPrompt, {});
  Once once;
  decoder.start(once);
  once.wait();
  return {decoder.frame(), decoder.context().counts(), decoder.context().tokens(),
          decoder.context().pending().size()};
}

void expect_balanced(const Outcome& o) {
  const TokenCounts& c = o.counts;
  EXPECT_EQ(c.forwarded + o.waiting, c.prompt + c.generated - c.reused + c.recomputed + c.rejected);
}

const std::vector<std::string> kMemory = {"mem:read", "mem:write"};
const std::vector<Wish> kSendOrWrite = {{"SEND a b", 0.6}, {"WRITE a b", 0.4}};

TEST(Backtrack, ADeadEndOfTheMaskIsLeft) {
  const Outcome o = write(kSendOrWrite, kMemory);
  EXPECT_EQ(o.frame, "WRITE a b");
  EXPECT_GE(o.counts.retracted, 1u);
  expect_balanced(o);
  std::string text;
  for (const Token t : o.tokens) text += t < 256 ? std::string(1, static_cast<char>(t)) : "|";
  EXPECT_EQ(text, "SEND SELF WRITE a b. SEND SEL|WRITE a b|");
}

TEST(Backtrack, WhatIsAdmittedStands) {
  const Outcome o = write(kSendOrWrite, {"mem:read", "mem:write", "chan"});
  EXPECT_EQ(o.frame, "SEND a b");
  EXPECT_EQ(o.counts.retracted, 0u);
  expect_balanced(o);
}

TEST(Backtrack, ADistantRunnerUpIsNoChoice) {
  const Outcome o = write({{"SEND a b", 1}, {"WRITE a b", std::exp(-7)}}, kMemory);
  EXPECT_EQ(o.frame, "SELF");
  EXPECT_EQ(o.counts.retracted, 0u);
}

// R leads W by less than a nat, and behind it E leads A by less still: what is refused behind RE leads back
// to RA, not to W.
TEST(Backtrack, ACloserChoiceTakesTheChoicePoint) {
  const Outcome o = write({{"RECV a", 0.36}, {"RANDOM 9", 0.34}, {"WRITE a b", 0.3}}, kMemory);
  EXPECT_EQ(o.frame, "RANDOM 9");
  EXPECT_GE(o.counts.retracted, 1u);
  expect_balanced(o);
}

// Here R leads W by less than E leads A: the earlier choice stays, and W is what is gone back to.
TEST(Backtrack, AFartherChoiceLeavesTheChoicePoint) {
  const Outcome o = write({{"RECV a", 0.5}, {"RANDOM 9", 0.05}, {"WRITE a b", 0.45}}, kMemory);
  EXPECT_EQ(o.frame, "WRITE a b");
  expect_balanced(o);
}

TEST(Backtrack, TwoDeadEndsEndInTheBetter) {
  // Both branches are refused in the end; the first is kept as it was the likelier to begin with.
  const Outcome o = write({{"SEND a b", 0.6}, {"NICE 1 2", 0.4}}, kMemory);
  EXPECT_EQ(o.frame, "SELF");
  EXPECT_LE(o.counts.retracted, 12u);  // of either branch, once
  expect_balanced(o);
}

TEST(Backtrack, GuessesChangeNothing) {
  for (const uint32_t guesses : {1u, 3u, 15u}) {
    const Outcome plain = write(kSendOrWrite, kMemory), guessing = write(kSendOrWrite, kMemory, 0, guesses);
    EXPECT_EQ(guessing.frame, plain.frame);
    EXPECT_EQ(guessing.tokens, plain.tokens);
    expect_balanced(guessing);
  }
}

TEST(Backtrack, SamplingDoesNotGoBack) {
  for (int i = 0; i < 8; i++) EXPECT_EQ(write(kSendOrWrite, kMemory, 1).counts.retracted, 0u);
}

}  // namespace
}  // namespace phios
