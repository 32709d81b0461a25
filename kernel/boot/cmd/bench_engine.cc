#include "kernel/boot/cmd/bench_engine.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <thread>

#include "drivers/api/model.h"
#include "drivers/model/native/gguf.h"
#include "kernel/boot/cmd/median.h"
#include "kernel/boot/system.h"
#include "kernel/sched/sampler.h"
#include "mm/codec.h"
#include "mm/page_table.h"

namespace phios {

namespace {

constexpr uint32_t kOwn = 128;  // positions of a sequence that decodes, unless said otherwise
constexpr uint32_t kMedium = 1024;
constexpr uint32_t kLong = 8192;
constexpr uint32_t kSuffix = 32;      // of its own, behind a shared prefix
constexpr uint32_t kSequences = 16;   // of the figures at kMedium
constexpr uint32_t kStepsAlone = 32;  // passes of one measurement
constexpr uint32_t kStepsTogether = 8;
constexpr size_t kBandwidthBytes = size_t{256} << 20;  // read by each thread: no cache holds it
constexpr int kBandwidthRounds = 5;

struct EngineOptions {
  std::string kv = "f16";
  std::vector<std::string> only;
  uint32_t rounds = 3;
};

// A sequence: its pages, and those of its pages that went into a colder tier.
struct Sequence {
  explicit Sequence(FramePool& pool) : pages(pool) {}

  // Encodes the full pages that the pool still serves.
  Status cool(KvTier tier) {
    FramePool& pool = pages.pool();
    while ((cold.size() + 1) * PHI_PAGE_TOKENS <= pages.positions()) {
      cold.push_back(TRY(pool.allocate(tier)));
      encode_frame(pool.shape(), pages.frame(static_cast<uint32_t>(cold.size() - 1)).data(), PHI_PAGE_TOKENS,
                   tier, cold.back().data());
    }
    cold_tier = tier;
    return {};
  }
  void look() {
    view.clear();
    pages.view(view);
    for (size_t i = 0; i < cold.size(); ++i) view[i].frame = cold[i].data(), view[i].tier = cold_tier;
  }

  PageTable pages;
  std::vector<FrameRef> cold;
  KvTier cold_tier = KvTier::kF16;
  std::vector<KvSpan> view;
  Token next = 0;
};

class EngineBench final : private PassTail {
 public:
  static Result<std::unique_ptr<EngineBench>> make(Model& model, KvTier tier, uint32_t rounds) {
    const uint32_t positions = std::max(kSequences * (kMedium + kStepsTogether + PHI_PAGE_TOKENS),
                                        kLong + kStepsAlone + PHI_PAGE_TOKENS);
    const uint32_t times = tier == KvTier::kF16 ? 1 : 2;  // a cold page is there in f16 too
    auto pool = TRY(FramePool::create(model.info().kv, times * (positions / PHI_PAGE_TOKENS + kSequences)));
    return std::unique_ptr<EngineBench>(new EngineBench(model, std::move(pool), tier, rounds));
  }

  // Tokens a second of computing n positions.
  Result<double> prefill(uint32_t n) {
    std::vector<double> out;
    for (uint32_t round = 0; round < rounds_; ++round) {
      std::vector<Sequence> one = fresh(1);
      const Nanos began = env_.now();
      TRY(extend(one, n));
      out.push_back(n / seconds_since(began));
    }
    return median(out);
  }

  // Tokens a second of n sequences that decode together, each behind `own` positions of its own and `shared`
  // that all share.
  Result<double> decode(uint32_t n, uint32_t own, uint32_t shared, uint32_t steps) {
    std::vector<Sequence> sequences = fresh(1);
    if (shared > 0) TRY(extend(sequences, shared));
    if (tier_ != KvTier::kF16) TRY(sequences[0].cool(tier_));
    sequences.resize(n, Sequence(sequences[0]));
    TRY(extend(sequences, own));
    if (tier_ != KvTier::kF16)
      for (Sequence& s : sequences) TRY(s.cool(tier_));
    TRY(step(sequences));  // warm
    std::vector<double> out;
    for (uint32_t round = 0; round < rounds_; ++round) {
      const Nanos began = env_.now();
      for (uint32_t i = 0; i < steps; ++i) TRY(step(sequences));
      out.push_back(n * steps / seconds_since(began));
      for (Sequence& s : sequences) s.pages.truncate(shared + own + 1);
    }
    return median(out);
  }

 private:
  EngineBench(Model& model, std::unique_ptr<FramePool> pool, KvTier tier, uint32_t rounds)
      : model_(model), pool_(std::move(pool)), tier_(tier), rounds_(rounds) {}

  void on_logits(size_t index, uint32_t, std::span<float> logits) noexcept override {
    SamplerState greedy;
    running_[index].next = sample(greedy, logits, {});
  }

  double seconds_since(Nanos began) { return static_cast<double>(env_.now() - began) / 1e9; }

  std::vector<Sequence> fresh(uint32_t n) { return std::vector<Sequence>(n, Sequence(*pool_)); }

  // One token more for each.
  Status step(std::vector<Sequence>& sequences) {
    std::vector<PassItem> items(sequences.size());
    for (size_t i = 0; i < sequences.size(); ++i)
      TRY(prepare(sequences[i], {&sequences[i].next, 1}, items[i]));
    return pass(sequences, items);
  }

  // n positions more for each, in passes that are as large as they may be.
  Status extend(std::vector<Sequence>& sequences, uint32_t n) {
    std::vector<Token> text(n);
    for (uint32_t i = 0; i < n; ++i)
      text[i] = static_cast<Token>(derive_seed(n, i) % std::min(model_.info().n_vocab, 256u));
    for (size_t first = 0; first < sequences.size();) {
      const size_t most = model_.max_pass_positions();
      const size_t together = std::clamp<size_t>(most / n, 1, sequences.size() - first);
      for (uint32_t at = 0; at < n; at += static_cast<uint32_t>(most)) {
        const auto chunk = std::span(text).subspan(at, std::min<size_t>(most, n - at));
        std::vector<PassItem> items(together);
        for (size_t i = 0; i < together; ++i) TRY(prepare(sequences[first + i], chunk, items[i]));
        first_ = first;
        TRY(pass(sequences, items));
      }
      first += together;
    }
    first_ = 0;
    return {};
  }

  Status prepare(Sequence& s, std::span<const Token> tokens, PassItem& item) {
    const uint32_t first = s.pages.positions();
    TRY(s.pages.append(static_cast<uint32_t>(tokens.size())));
    s.look();
    item = {.sequence = first, .tokens = tokens, .first_pos = first, .kv = s.view};
    return {};
  }

  Status pass(std::vector<Sequence>& sequences, std::span<const PassItem> items) {
    running_ = sequences.data() + first_;
    return model_.forward(items, *this);
  }

  Model& model_;
  std::unique_ptr<FramePool> pool_;
  KvTier tier_;
  uint32_t rounds_;
  SystemEnv env_;
  Sequence* running_ = nullptr;  // of the pass, in the order of its items
  size_t first_ = 0;
};

// Bytes a second, in 10^9, that so many threads read together from memory.
double read_bandwidth(uint32_t threads) {
  SystemEnv env;
  std::vector<std::vector<uint64_t>> blocks;
  blocks.reserve(threads);
  for (uint32_t t = 0; t < threads; ++t) blocks.emplace_back(kBandwidthBytes / sizeof(uint64_t), t + 1);
  std::vector<uint64_t> sums(threads);
  double best = 0;
  for (int round = 0; round < kBandwidthRounds; ++round) {
    const Nanos began = env.now();
    {
      std::vector<std::jthread> readers;
      readers.reserve(threads);
      for (uint32_t t = 0; t < threads; ++t)
        readers.emplace_back(
            [&, t] { sums[t] += std::reduce(blocks[t].begin(), blocks[t].end(), uint64_t{0}); });
    }
    const double took = static_cast<double>(env.now() - began);
    best = std::max(best, static_cast<double>(threads * kBandwidthBytes) / took);
  }
  return std::accumulate(sums.begin(), sums.end(), uint64_t{0}) == 0 ? 0 : best;
}

// Bytes of matrices that one token reads: all but an embedding that is not the output as well.
Result<double> weight_bytes(const std::string& path) {
  const Gguf file = TRY(Gguf::open(path));
  const bool tied = file.find_tensor("output.weight") == nullptr;
  double bytes = 0;
  for (const GgufTensor& t : file.tensors())
    if (t.n_dims > 1 && (tied || t.name != "token_embd.weight")) bytes += static_cast<double>(t.data.size());
  return bytes;
}

Result<KvTier> tier_of(const std::string& name) {
  if (name == "f16") return KvTier::kF16;
  if (name == "q8") return KvTier::kInt8;
  if (name == "q4") return KvTier::kInt4;
  return fail(ErrorCode::EINVAL_, fmt::format("--kv {}: f16, q8 or q4", name));
}

Result<int> engine(const CommandContext& context, const EngineOptions& options) {
  const KvTier tier = TRY(tier_of(options.kv));
  const uint32_t threads =
      context.config.threads > 0 ? context.config.threads : std::thread::hardware_concurrency();
  const std::unique_ptr<Model> model = TRY(open_model(context.config.model, threads));
  auto bench = TRY(EngineBench::make(*model, tier, options.rounds));
  struct Figure {
    const char* key;
    Result<double> (*measure)(EngineBench&);
  };
  constexpr Figure kFigures[] = {
      {"prefill_512", [](EngineBench& b) { return b.prefill(512); }},
      {"decode_1", [](EngineBench& b) { return b.decode(1, kOwn, 0, kStepsAlone); }},
      {"decode_8", [](EngineBench& b) { return b.decode(8, kOwn, 0, kStepsTogether); }},
      {"decode_32", [](EngineBench& b) { return b.decode(32, kOwn, 0, kStepsTogether); }},
      {"decode_16_own_1024", [](EngineBench& b) { return b.decode(kSequences, kMedium, 0, kStepsTogether); }},
      {"decode_16_shared_1024",
       [](EngineBench& b) { return b.decode(kSequences, kSuffix, kMedium, kStepsTogether); }},
      {"prefill_8192", [](EngineBench& b) { return b.prefill(kLong); }},
      {"decode_1_at_8192", [](EngineBench& b) { return b.decode(1, kLong, 0, kStepsAlone); }}};
  const std::set<std::string> only(options.only.begin(), options.only.end());
  for (const std::string& key : only)
    if (std::ranges::none_of(kFigures, [&](const Figure& f) { return key == f.key; }))
      return fail(ErrorCode::EINVAL_, fmt::format("--only {}: no such figure", key));
  const double bandwidth_before = read_bandwidth(threads);
  nlohmann::ordered_json out;
  for (const Figure& f : kFigures)
    if (only.empty() || only.contains(f.key)) out[f.key] = TRY(f.measure(*bench));
  out["bandwidth_GBps"] = std::max(bandwidth_before, read_bandwidth(threads));
  if (context.config.model.ends_with(".gguf")) {
    const double bytes = TRY(weight_bytes(context.config.model));
    out["weight_bytes"] = bytes;
    if (out.contains("decode_1"))
      out["decode_1_share_of_bandwidth"] =
          out["decode_1"].get<double>() * bytes / 1e9 / out["bandwidth_GBps"].get<double>();
  }
  out["threads"] = threads;
  out["kv"] = options.kv;
  if (context.json) {
    fmt::print("{}\n", out.dump());
  } else {
    for (const auto& [key, value] : out.items())
      fmt::print("{:<28} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return 0;
}

}  // namespace

void add_bench_engine(CLI::App& bench, CommandContext& context) {
  auto o = std::make_shared<EngineOptions>();
  CLI::App* command =
      bench.add_subcommand("engine", "tokens a second of the model by itself, prefill and decode");
  command->add_option("--kv", o->kv, "the tier of full pages: f16, q8 or q4")->capture_default_str();
  command->add_option("--only", o->only, "these figures alone, such as prefill_512,decode_1")->delimiter(',');
  command->add_option("--rounds", o->rounds, "medians of so many")
      ->check(CLI::Range(1, 101))
      ->capture_default_str();
  command->callback(command_callback(context, [&context, o] { return engine(context, *o); }));
}

}  // namespace phios
