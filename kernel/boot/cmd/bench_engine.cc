#include "kernel/boot/cmd/bench_engine.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "drivers/api/model.h"
#include "drivers/model/native/gguf.h"
#include "kernel/boot/cmd/median.h"
#include "kernel/boot/cmd/read_bandwidth.h"
#include "kernel/boot/system.h"
#include "kernel/sched/sampler.h"
#include "mm/codec.h"
#include "mm/page_table.h"

namespace phios {

namespace {

constexpr uint32_t kOwn = 128;  // positions of a sequence that decodes, unless said otherwise
constexpr uint32_t kMedium = 1024;
constexpr uint32_t kLong = 8192;
constexpr uint32_t kLongest = 32768;
constexpr uint32_t kChosenPages = kLongest / PHI_PAGE_TOKENS / 10;  // of kLongest, by each head
constexpr uint32_t kComputed = 1024;  // of the context of a sequence that decodes alone; the rest are copies
constexpr uint32_t kSuffix = 32;      // of its own, behind a shared prefix
constexpr uint32_t kSequences = 16;   // of the figures at kMedium
constexpr uint32_t kStepsAlone = 32;  // passes of one measurement
constexpr uint32_t kStepsTogether = 8;

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
  struct Setup {
    KvTier tier;
    uint32_t rounds;
    uint32_t threads;
    double weight_bytes;  // that a pass reads; 0: unknown
  };
  static Result<std::unique_ptr<EngineBench>> make(Model& model, const Setup& setup) {
    static_assert(kLongest > kSequences * (kMedium + kStepsTogether + PHI_PAGE_TOKENS));
    const uint32_t positions = kLongest + kStepsAlone + PHI_PAGE_TOKENS;
    const uint32_t times = setup.tier == KvTier::kF16 ? 1 : 2;  // a cold page is there in f16 too
    auto pool = TRY(FramePool::create(model.info().kv, times * (positions / PHI_PAGE_TOKENS + kSequences)));
    auto bandwidth = TRY(ReadBandwidth::create(setup.threads));
    return std::unique_ptr<EngineBench>(new EngineBench(model, std::move(pool), std::move(bandwidth), setup));
  }

  nlohmann::ordered_json& out() { return out_; }

  // Tokens a second of computing n positions.
  Status prefill(const std::string& key, uint32_t n) {
    std::vector<double> rates;
    for (uint32_t round = 0; round < setup_.rounds; ++round) {
      std::vector<Sequence> one = fresh(1);
      const Nanos began = env_.now();
      TRY(extend(one, n));
      rates.push_back(n / seconds_since(began));
    }
    out_[key] = median(rates);
    return {};
  }

  // Tokens a second of n sequences that decode together, each behind `own` positions of its own and `shared`
  // that all share.
  Status decode(const std::string& key, uint32_t n, uint32_t own, uint32_t shared) {
    std::vector<Sequence> sequences = fresh(1);
    if (shared > 0) TRY(extend(sequences, shared));
    TRY(cool(sequences));
    sequences.resize(n, Sequence(sequences[0]));
    TRY(extend(sequences, own));
    TRY(cool(sequences));
    std::vector<double> rates;
    for (uint32_t round = 0; round < setup_.rounds; ++round)
      rates.push_back(TRY(run_round(sequences, kStepsTogether)));
    out_[key] = median(rates);
    return {};
  }

  // The same of one sequence, and how much of the bandwidth it uses: its share is taken in each round of the
  // bandwidth right before and after.
  Status decode_alone(const std::string& key, uint32_t own) {
    std::vector<Sequence> one = TRY(alone(own));
    std::vector<double> rates, shares;
    const double bytes = setup_.weight_bytes + kv_bytes(one[0]);
    for (uint32_t round = 0; round < setup_.rounds; ++round) {
      const double before = bandwidth_->measure();
      rates.push_back(TRY(run_round(one, kStepsAlone)));
      const double floor = (before + bandwidth_->measure()) / 2;
      bandwidths_.push_back(floor);
      shares.push_back(rates.back() * bytes / 1e9 / floor);
    }
    out_[key] = median(rates);
    if (setup_.weight_bytes > 0) out_[key + "_share_of_bandwidth"] = median(shares);
    return {};
  }

  // One sequence whose heads choose a tenth of its pages, in turn with one that reads them all.
  Status decode_chosen(const std::string& key, uint32_t own) {
    std::vector<Sequence> one = TRY(alone(own));
    std::vector<double> rates, gains;
    for (uint32_t round = 0; round < setup_.rounds; ++round) {
      const double all = TRY(run_round(one, kStepsAlone));
      attend_pages_ = kChosenPages;
      const auto chosen = run_round(one, kStepsAlone);
      attend_pages_ = 0;
      rates.push_back(TRY(chosen));
      gains.push_back(rates.back() / all);
    }
    out_[key] = median(rates);
    out_[key + "_gain"] = median(gains);
    return {};
  }

  // In 10^9 bytes a second: the median of the rounds that asked.
  double bandwidth() { return bandwidths_.empty() ? bandwidth_->measure() : median(bandwidths_); }

 private:
  EngineBench(Model& model, std::unique_ptr<FramePool> pool, std::unique_ptr<ReadBandwidth> bandwidth,
              const Setup& setup)
      : model_(model), pool_(std::move(pool)), setup_(setup), bandwidth_(std::move(bandwidth)) {}

  void on_logits(size_t index, uint32_t, std::span<float> logits) noexcept override {
    SamplerState greedy;
    running_[index].next = sample(greedy, logits, {});
  }

  double seconds_since(Nanos began) { return static_cast<double>(env_.now() - began) / 1e9; }

  std::vector<Sequence> fresh(uint32_t n) { return std::vector<Sequence>(n, Sequence(*pool_)); }

  Status cool(std::vector<Sequence>& sequences) {
    if (setup_.tier == KvTier::kF16) return {};
    for (Sequence& s : sequences) TRY(s.cool(setup_.tier));
    return {};
  }

  // A sequence of n positions, of which only the first are computed.
  Result<std::vector<Sequence>> alone(uint32_t n) {
    std::vector<Sequence> one = fresh(1);
    TRY(extend(one, std::min(n, kComputed)));
    PageTable& pages = one[0].pages;
    const uint32_t computed = pages.pages();
    TRY(pages.append(n - pages.positions()));
    for (uint32_t i = computed; i < pages.pages(); ++i)
      std::memcpy(pages.frame(i).data(), pages.frame(i % computed).data(), pool_->shape().frame_bytes());
    TRY(cool(one));
    return one;
  }

  // Of the sequence's pages that a step reads.
  double kv_bytes(Sequence& s) {
    s.look();
    const KvShape& shape = pool_->shape();
    double bytes = 0;
    for (const KvSpan& span : s.view)
      bytes += static_cast<double>(shape.n_layers * shape.layer_bytes(span.tier)) * span.n / PHI_PAGE_TOKENS;
    return bytes;
  }

  // Tokens a second; the sequences are afterwards as they were.
  Result<double> run_round(std::vector<Sequence>& sequences, uint32_t steps) {
    const uint32_t positions = sequences[0].pages.positions();
    TRY(step(sequences));  // warm
    const Nanos began = env_.now();
    for (uint32_t i = 0; i < steps; ++i) TRY(step(sequences));
    const double rate = static_cast<double>(sequences.size()) * steps / seconds_since(began);
    for (Sequence& s : sequences) s.pages.truncate(positions);
    return rate;
  }

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
    item = {
        .sequence = first, .tokens = tokens, .first_pos = first, .kv = s.view, .attend_pages = attend_pages_};
    return {};
  }

  Status pass(std::vector<Sequence>& sequences, std::span<const PassItem> items) {
    running_ = sequences.data() + first_;
    return model_.forward(items, *this);
  }

  Model& model_;
  std::unique_ptr<FramePool> pool_;
  const Setup setup_;
  SystemEnv env_;
  std::unique_ptr<ReadBandwidth> bandwidth_;
  std::vector<double> bandwidths_;
  uint32_t attend_pages_ = 0;
  nlohmann::ordered_json out_;
  Sequence* running_ = nullptr;  // of the pass, in the order of its items
  size_t first_ = 0;
};

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
  const std::unique_ptr<Model> model =
      TRY(open_model(context.config.model, threads, context.config.context_length));
  const double bytes =
      context.config.model.ends_with(".gguf") ? TRY(weight_bytes(context.config.model)) : 0.0;
  auto bench = TRY(EngineBench::make(
      *model, {.tier = tier, .rounds = options.rounds, .threads = threads, .weight_bytes = bytes}));
  using Key = const std::string&;
  struct Figure {
    std::string_view key;
    Status (*measure)(EngineBench&, Key);
  };
  constexpr Figure kFigures[] = {
      {"prefill_512", [](EngineBench& b, Key key) { return b.prefill(key, 512); }},
      {"decode_1", [](EngineBench& b, Key key) { return b.decode_alone(key, kOwn); }},
      {"decode_8", [](EngineBench& b, Key key) { return b.decode(key, 8, kOwn, 0); }},
      {"decode_32", [](EngineBench& b, Key key) { return b.decode(key, 32, kOwn, 0); }},
      {"decode_16_own_1024", [](EngineBench& b, Key key) { return b.decode(key, kSequences, kMedium, 0); }},
      {"decode_16_shared_1024",
       [](EngineBench& b, Key key) { return b.decode(key, kSequences, kSuffix, kMedium); }},
      {"prefill_8192", [](EngineBench& b, Key key) { return b.prefill(key, kLong); }},
      {"decode_1_at_8192", [](EngineBench& b, Key key) { return b.decode_alone(key, kLong); }},
      {"decode_1_at_32768", [](EngineBench& b, Key key) { return b.decode_alone(key, kLongest); }},
      {"decode_1_at_32768_chosen", [](EngineBench& b, Key key) { return b.decode_chosen(key, kLongest); }}};
  const std::set<std::string> only(options.only.begin(), options.only.end());
  for (const std::string& key : only)
    if (std::ranges::none_of(kFigures, [&](const Figure& f) { return key == f.key; }))
      return fail(ErrorCode::EINVAL_, fmt::format("--only {}: no such figure", key));
  for (const Figure& f : kFigures)
    if (const std::string key(f.key); only.empty() || only.contains(key)) TRY(f.measure(*bench, key));
  nlohmann::ordered_json& out = bench->out();
  out["bandwidth_GBps"] = bench->bandwidth();
  if (bytes > 0) out["weight_bytes"] = bytes;
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

void add_bench_engine(Command bench, CommandContext& context) {
  auto o = std::make_shared<EngineOptions>();
  Command command = bench.command("engine", "tokens a second of the model by itself, prefill and decode");
  command.option("--kv", o->kv, "the tier of full pages: f16, q8 or q4").show_default();
  command.option("--only", o->only, "these figures alone, such as prefill_512,decode_1").comma_separated();
  command.option("--rounds", o->rounds, "medians of so many").range(1, 101).show_default();
  command.callback(command_callback(context, [&context, o] { return engine(context, *o); }));
}

}  // namespace phios
