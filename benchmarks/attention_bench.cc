// What does attention over pages cost, beside reading their bytes once? All layers of a model, on synthetic
// pages: GB/s is bytes of pages ÷ time, to be held against BM_ReadMemory; pages that several rows share are
// counted once.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "drivers/model/native/attention.h"
#include "kernel/base/half.h"
#include "kernel/boot/cmd/read_bandwidth.h"
#include "mm/codec.h"
#include "mm/frame_pool.h"

namespace phios {
namespace {

struct Shape {
  KvShape kv;
  uint32_t n_heads;
  size_t width() const { return size_t{n_heads} * kv.head_dim; }
};
constexpr Shape kLarge{{.n_layers = 24, .n_kv_heads = 4, .head_dim = 64}, 16};  // d 1024
constexpr Shape kNano{{.n_layers = 5, .n_kv_heads = 6, .head_dim = 32}, 6};     // d 192, the embedded model
constexpr unsigned kThreads = 0;                                                // all cores

// Frames of one tier out of a pool, all copies of one.
class Pages {
 public:
  Pages(const KvShape& shape, uint32_t n, KvTier tier) : tier_(tier) {
    auto pool = FramePool::create(shape, n);
    if (!pool) std::abort();
    pool_ = std::move(*pool);
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<std::byte> f16(shape.frame_bytes());
    auto* halves = reinterpret_cast<uint16_t*>(f16.data());
    for (size_t i = 0; i < shape.n_layers * shape.layer_bytes(KvTier::kF16) / 2; ++i)
      halves[i] = f32_to_f16(normal(random));
    for (uint32_t i = 0; i < n; ++i) {
      auto frame = pool_->allocate(tier);
      if (!frame) std::abort();
      if (i > 0)
        std::memcpy(frame->data(), frames_[0].data(), shape.frame_bytes(tier));
      else if (tier == KvTier::kF16)
        std::memcpy(frame->data(), f16.data(), f16.size());
      else
        encode_frame(shape, f16.data(), PHI_PAGE_TOKENS, tier, frame->data());
      frames_.push_back(std::move(*frame));
    }
  }
  // Spans of `n` positions in frames from `first` on, starting at position `from`.
  void view(uint32_t first, uint32_t from, uint32_t n, std::vector<KvSpan>& out) const {
    for (uint32_t pos = 0; pos < n; pos += PHI_PAGE_TOKENS)
      out.push_back({frames_[first + pos / PHI_PAGE_TOKENS].data(), tier_, from + pos,
                     std::min(n - pos, uint32_t{PHI_PAGE_TOKENS})});
  }

 private:
  KvTier tier_;
  std::unique_ptr<FramePool> pool_;
  std::vector<FrameRef> frames_;
};

// A pass of items, each with its last `rows` positions as rows.
class Pass {
 public:
  Pass(const Shape& shape, std::vector<std::vector<KvSpan>> contexts, uint32_t rows,
       uint32_t attend_pages = 0)
      : shape_(shape),
        contexts_(std::move(contexts)),
        pool_(kThreads),
        attention_(attention_kernels(best_kernels().name), shape.kv, shape.n_heads, pool_.threads()),
        tokens_(rows),
        rows_(rows) {
    const size_t n = contexts_.size() * rows, width = shape_.width();
    q_.resize(n * width);
    out_.resize(n * width);
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    for (float& x : q_) x = normal(random);
    for (const auto& kv : contexts_) {
      const uint32_t end = kv.back().first_pos + kv.back().n;
      items_.push_back({.tokens = tokens_, .first_pos = end - rows, .kv = kv, .attend_pages = attend_pages});
    }
  }
  void run() {
    attention_.begin(items_);
    for (uint32_t i = 0; i < items_.size(); ++i)
      for (uint32_t r = 0; r < rows_; ++r) attention_.add_row(i, items_[i].first_pos + r);
    attention_.plan(pool_.threads());
    const size_t width = shape_.width();
    pool_.begin();
    for (uint32_t layer = 0; layer < shape_.kv.n_layers; ++layer)
      attention_.run(layer, {q_.data(), width}, {out_.data(), width}, pool_);
    pool_.end();
  }

 private:
  Shape shape_;
  std::vector<std::vector<KvSpan>> contexts_;
  WorkerPool pool_;
  Attention attention_;
  std::vector<Token> tokens_;
  uint32_t rows_;
  std::vector<PassItem> items_;
  std::vector<float> q_, out_;
};

void measure(benchmark::State& state, const Shape& shape, Pass& pass, size_t pages, KvTier tier,
             uint64_t query_positions) {
  for ([[maybe_unused]] auto _ : state) pass.run();
  const auto runs = static_cast<double>(state.iterations());
  using benchmark::Counter;
  state.counters["GB/s"] =
      Counter(static_cast<double>(pages * shape.kv.n_layers * shape.kv.layer_bytes(tier)) * runs * 1e-9,
              Counter::kIsRate);
  const double flops =
      4.0 * shape.kv.n_layers * static_cast<double>(shape.width()) * static_cast<double>(query_positions);
  state.counters["GFLOP/s"] = Counter(flops * runs * 1e-9, Counter::kIsRate);
}

void BM_ReadMemory(benchmark::State& state) {
  const auto bandwidth = ReadBandwidth::create(kThreads);
  if (!bandwidth) return state.SkipWithError(bandwidth.error().message.c_str());
  double read = 0;
  for ([[maybe_unused]] auto _ : state) read = (*bandwidth)->measure();
  state.counters["GB/s"] = read;
}
BENCHMARK(BM_ReadMemory)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);

// One sequence; arguments: context, tier.
void BM_DecodeOne(benchmark::State& state) {
  const auto n = static_cast<uint32_t>(state.range(0));
  const auto tier = static_cast<KvTier>(state.range(1));
  const Pages pages(kLarge.kv, n / PHI_PAGE_TOKENS, tier);
  std::vector<std::vector<KvSpan>> contexts(1);
  pages.view(0, 0, n, contexts[0]);
  Pass pass(kLarge, std::move(contexts), 1);
  measure(state, kLarge, pass, n / PHI_PAGE_TOKENS, tier, n);
}
BENCHMARK(BM_DecodeOne)->ArgsProduct({{8192}, {0, 1, 2, 3}})->UseRealTime()->Unit(benchmark::kMillisecond);

// The same with one frame again and again: what it costs when memory costs nothing.
void BM_DecodeCached(benchmark::State& state) {
  const auto n = static_cast<uint32_t>(state.range(0));
  const auto tier = static_cast<KvTier>(state.range(1));
  const Pages pages(kLarge.kv, 1, tier);
  std::vector<std::vector<KvSpan>> contexts(1);
  for (uint32_t pos = 0; pos < n; pos += PHI_PAGE_TOKENS) pages.view(0, pos, PHI_PAGE_TOKENS, contexts[0]);
  Pass pass(kLarge, std::move(contexts), 1);
  measure(state, kLarge, pass, n / PHI_PAGE_TOKENS, tier, n);
}
BENCHMARK(BM_DecodeCached)->ArgsProduct({{8192}, {0, 1, 2, 3}})->UseRealTime()->Unit(benchmark::kMillisecond);

// Sequences with own contexts; arguments: sequences, context.
void BM_DecodeOwn(benchmark::State& state) {
  const auto n_sequences = static_cast<uint32_t>(state.range(0)), n = static_cast<uint32_t>(state.range(1));
  const uint32_t each = n / PHI_PAGE_TOKENS;
  const Pages pages(kLarge.kv, n_sequences * each, KvTier::kF16);
  std::vector<std::vector<KvSpan>> contexts(n_sequences);
  for (uint32_t i = 0; i < n_sequences; ++i) pages.view(i * each, 0, n, contexts[i]);
  Pass pass(kLarge, std::move(contexts), 1);
  measure(state, kLarge, pass, n_sequences * each, KvTier::kF16, uint64_t{n_sequences} * n);
}
BENCHMARK(BM_DecodeOwn)->Args({16, 1024})->Args({32, 128})->UseRealTime()->Unit(benchmark::kMillisecond);

// 64 sequences of the embedded model; argument: context.
void BM_DecodeNano(benchmark::State& state) {
  constexpr uint32_t kSequences = 64;
  const auto n = static_cast<uint32_t>(state.range(0));
  const uint32_t each = (n + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS;
  const Pages pages(kNano.kv, kSequences * each, KvTier::kF16);
  std::vector<std::vector<KvSpan>> contexts(kSequences);
  for (uint32_t i = 0; i < kSequences; ++i) pages.view(i * each, 0, n, contexts[i]);
  Pass pass(kNano, std::move(contexts), 1);
  measure(state, kNano, pass, kSequences * each, KvTier::kF16, uint64_t{kSequences} * n);
}
BENCHMARK(BM_DecodeNano)->Arg(40)->Arg(120)->UseRealTime()->Unit(benchmark::kMillisecond);

// 16 sequences with a common prefix and 32 positions of their own; argument: prefix.
void BM_DecodeShared(benchmark::State& state) {
  constexpr uint32_t kSequences = 16, kOwn = 32, kOwnPages = kOwn / PHI_PAGE_TOKENS;
  const auto n = static_cast<uint32_t>(state.range(0));
  const uint32_t shared = n / PHI_PAGE_TOKENS;
  const Pages pages(kLarge.kv, shared + kSequences * kOwnPages, KvTier::kF16);
  std::vector<std::vector<KvSpan>> contexts(kSequences);
  for (uint32_t i = 0; i < kSequences; ++i) {
    pages.view(0, 0, n, contexts[i]);
    pages.view(shared + i * kOwnPages, n, kOwn, contexts[i]);
  }
  Pass pass(kLarge, std::move(contexts), 1);
  measure(state, kLarge, pass, shared + kSequences * kOwnPages, KvTier::kF16,
          uint64_t{kSequences} * (n + kOwn));
}
BENCHMARK(BM_DecodeShared)->Arg(800)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);

// One sequence at 32k; arguments: tier, pages that each head chooses (0: it reads all).
void BM_DecodeChosen(benchmark::State& state) {
  constexpr uint32_t kPositions = 32768, kPages = kPositions / PHI_PAGE_TOKENS;
  const auto tier = static_cast<KvTier>(state.range(0));
  const auto chosen = static_cast<uint32_t>(state.range(1));
  const Pages pages(kLarge.kv, kPages, tier);
  std::vector<std::vector<KvSpan>> contexts(1);
  pages.view(0, 0, kPositions, contexts[0]);
  Pass pass(kLarge, std::move(contexts), 1, chosen);
  measure(state, kLarge, pass, kPages, tier, kPositions);
}
BENCHMARK(BM_DecodeChosen)->ArgsProduct({{0, 2}, {0, 205}})->UseRealTime()->Unit(benchmark::kMillisecond);

// A chunk of 512 positions at the end of a context; arguments: context, tier.
void BM_Prefill(benchmark::State& state) {
  constexpr uint32_t kRows = 512;
  const auto n = static_cast<uint32_t>(state.range(0));
  const auto tier = static_cast<KvTier>(state.range(1));
  const Pages pages(kLarge.kv, n / PHI_PAGE_TOKENS, tier);
  std::vector<std::vector<KvSpan>> contexts(1);
  pages.view(0, 0, n, contexts[0]);
  Pass pass(kLarge, std::move(contexts), kRows);
  measure(state, kLarge, pass, n / PHI_PAGE_TOKENS, tier, uint64_t{kRows} * n - kRows * kRows / 2);
}
BENCHMARK(BM_Prefill)
    ->Args({512, 0})
    ->Args({8192, 0})
    ->Args({8192, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace phios
