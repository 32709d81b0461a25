#include "kernel/boot/cmd/bench_agents.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "drivers/model/native/induction_model.h"
#include "kernel/boot/system.h"
#include "kernel/proc/decoder.h"
#include "kernel/proc/kernel.h"

namespace phios {

namespace {

constexpr uint32_t kResultWords = 14;  // of what a tool answers

struct Options {
  uint32_t agents = 16, calls = 4, shared = 800, gen = 16;
};

// Words that a file of `model random --words` has as tokens.
std::string words(uint64_t seed, uint32_t n) {
  constexpr uint64_t kWords = 256;
  std::string text;
  for (uint32_t i = 0; i < n; i++)
    text += " " + induction_value(static_cast<uint32_t>(derive_seed(seed, i) % kWords));
  return text + ".\n";
}

// One agent: its prompt, then a turn of the model and a tool's answer, `calls` times.
class Agents final : private Decoder::Listener {
 public:
  Agents(System& system, const Options& options)
      : system_(system), options_(options), running_(options.agents) {}

  Status begin() {
    const Vocabulary& vocabulary = system_.kernel().decode().vocabulary;
    const std::vector<Token> shared = vocabulary.encode(words(0, options_.shared));
    for (uint32_t i = 0; i < options_.agents; i++) {
      auto agent = std::make_unique<Agent>();
      agent->decoder = std::make_unique<Decoder>(system_.kernel().decode(), budget_, Pid{i + 1});
      Context& context = agent->decoder->context();
      context.append(vocabulary.beginning(), Origin::kPrompt, {});
      context.append(shared, Origin::kPrompt, "shared");
      context.append(vocabulary.encode(fmt::format("You are agent {}.\n", i)), Origin::kPrompt, "own");
      agents_.push_back(std::move(agent));
    }
    for (const auto& agent : agents_) {
      agent->decoder->reuse_prefix();
      agent->decoder->share_prefix_when_computed();
      turn(*agent);
    }
    return {};
  }
  void wait() {
    for (uint32_t left = running_.load(); left > 0; left = running_.load()) running_.wait(left);
  }

  const std::vector<double>& turns_ms() const { return turns_ms_; }
  const std::string& error() const { return error_; }
  TokenCounts counts() const {
    TokenCounts all;
    for (const auto& agent : agents_) all += agent->decoder->context().counts();
    return all;
  }

 private:
  struct Agent {
    std::unique_ptr<Decoder> decoder;
    Nanos began = 0;
    uint32_t turns = 0;
  };

  void turn(Agent& agent) {
    agent.began = system_.kernel().env().now();
    agent.decoder->start(*this, Decoder::Mode::kDecode, options_.gen);
  }

  void on_stop(Decoder& decoder, Decoder::Stop stop) override {
    const auto at = std::find_if(agents_.begin(), agents_.end(),
                                 [&](const auto& a) { return a->decoder.get() == &decoder; });
    Agent& agent = **at;
    {
      std::lock_guard lock(mutex_);
      turns_ms_.push_back(static_cast<double>(system_.kernel().env().now() - agent.began) / 1e6);
      if (stop == Decoder::Stop::kError) error_ = decoder.error().message;
    }
    if (stop == Decoder::Stop::kError || ++agent.turns == options_.calls) {
      running_.fetch_sub(1);
      running_.notify_all();
      return;
    }
    const std::string answer = words(derive_seed(1, agent.turns), kResultWords);
    decoder.context().append(system_.kernel().decode().vocabulary.encode(answer), Origin::kResult, {});
    turn(agent);
  }

  System& system_;
  const Options options_;
  std::shared_ptr<Budget> budget_ = std::make_shared<Budget>(nullptr, Pid{});
  std::vector<std::unique_ptr<Agent>> agents_;
  std::mutex mutex_;  // guards what follows
  std::vector<double> turns_ms_;
  std::string error_;
  std::atomic<uint32_t> running_;
};

double percentile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(p * static_cast<double>(values.size())))];
}

Result<int> run(const CommandContext& context, const Options& options) {
  auto system = TRY(System::open(context.config));
  Agents agents(*system, options);
  const Nanos began = system->kernel().env().now();
  TRY(agents.begin());
  agents.wait();
  const double seconds = static_cast<double>(system->kernel().env().now() - began) / 1e9;
  if (!agents.error().empty()) return fail(ErrorCode::EIO_, agents.error());
  const TokenCounts counts = agents.counts();
  const double turns = static_cast<double>(agents.turns_ms().size());
  const nlohmann::ordered_json out = {{"seconds", seconds},
                                      {"turns_per_s", turns / seconds},
                                      {"gen_tokens_per_s", static_cast<double>(counts.generated) / seconds},
                                      {"prefilled", counts.prompt + counts.results - counts.reused},
                                      {"reused", counts.reused},
                                      {"p50_ms", percentile(agents.turns_ms(), 0.5)},
                                      {"p95_ms", percentile(agents.turns_ms(), 0.95)}};
  if (context.json) {
    fmt::print("{}\n", out.dump());
  } else {
    for (const auto& [key, value] : out.items()) fmt::print("{:<18} {:.1f}\n", key, value.get<double>());
  }
  return 0;
}

}  // namespace

void add_bench_agents(Command bench, CommandContext& context) {
  auto o = std::make_shared<Options>();
  Command command =
      bench.command("agents", "agents that share a prompt and stop for a tool between their turns");
  const auto number = [&](const char* name, uint32_t& value, const char* text) {
    command.option(name, value, text).range(1, 100000).show_default();
  };
  number("--agents", o->agents, "agents at once");
  number("--calls", o->calls, "turns of each, a tool's answer between them");
  number("--shared", o->shared, "words of the prompt that all share");
  number("--gen", o->gen, "tokens of a turn");
  command.callback(command_callback(context, [&context, o] { return run(context, *o); }));
}

}  // namespace phios
