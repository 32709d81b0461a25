// What does a fork of a context cost, whatever its length? And an appended position, a view of the pages, a
// frame, a prefix that is known?
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "mm/frame_pool.h"
#include "mm/page_table.h"
#include "mm/prefix_tree.h"

namespace phios {
namespace {

constexpr KvShape kShape{.n_layers = 5, .n_kv_heads = 3, .head_dim = 64};
constexpr uint32_t kFrames = 4096;

std::unique_ptr<FramePool> make_pool() { return FramePool::create(kShape, kFrames).value(); }

PageTable make_table(FramePool& pool, int64_t positions) {
  PageTable table(pool);
  table.append(static_cast<uint32_t>(positions)).value();
  return table;
}

void BM_Fork(benchmark::State& state) {
  const auto pool = make_pool();
  const PageTable table = make_table(*pool, state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    PageTable fork = table;
    benchmark::DoNotOptimize(fork);
  }
}
BENCHMARK(BM_Fork)->Arg(4 << 10)->Arg(32 << 10);

// With the first position that the fork writes: its path and its tail page are copied.
void BM_ForkAndWrite(benchmark::State& state) {
  const auto pool = make_pool();
  const PageTable table = make_table(*pool, state.range(0) + 8);
  for ([[maybe_unused]] auto _ : state) {
    PageTable fork = table;
    benchmark::DoNotOptimize(fork.append(1));
  }
}
BENCHMARK(BM_ForkAndWrite)->Arg(4 << 10)->Arg(32 << 10);

void BM_AppendOne(benchmark::State& state) {
  const auto pool = make_pool();
  const PageTable start = make_table(*pool, 32);
  PageTable table = start;
  for ([[maybe_unused]] auto _ : state) {
    if (table.positions() >= 32 << 10) table = start;
    benchmark::DoNotOptimize(table.append(1));
  }
}
BENCHMARK(BM_AppendOne);

void BM_View(benchmark::State& state) {
  const auto pool = make_pool();
  const PageTable table = make_table(*pool, state.range(0));
  std::vector<KvSpan> spans;
  for ([[maybe_unused]] auto _ : state) {
    spans.clear();
    table.view(spans);
    benchmark::DoNotOptimize(spans.data());
  }
}
BENCHMARK(BM_View)->Arg(256)->Arg(32 << 10);

void BM_Frame(benchmark::State& state) {
  static std::unique_ptr<FramePool> pool;
  if (state.thread_index() == 0) pool = make_pool();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(pool->allocate());
}
BENCHMARK(BM_Frame)->Threads(1)->Threads(2);

void BM_MatchPrefix(benchmark::State& state) {
  const auto pool = make_pool();
  PrefixTree tree(*pool);
  std::vector<int32_t> tokens(static_cast<size_t>(state.range(0)));
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i);
  std::vector<FrameRef> frames;
  for (size_t i = 0; i < tokens.size() / PHI_PAGE_TOKENS; ++i) frames.push_back(pool->allocate().value());
  tree.insert(1, tokens, frames);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(tree.match(1, tokens));
}
BENCHMARK(BM_MatchPrefix)->Arg(256)->Arg(32 << 10);

}  // namespace
}  // namespace phios
