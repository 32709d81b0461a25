#include "drivers/model/native/attention_mass.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mm/codec.h"

namespace phios {

AttentionMass::AttentionMass(const AttentionKernels& kernels, KvShape shape, uint32_t n_heads,
                             uint32_t n_layers, unsigned workers)
    : kernels_(kernels),
      shape_(shape),
      group_(n_heads / shape.n_kv_heads),
      n_layers_(n_layers),
      workers_(workers) {}

void AttentionMass::add(uint32_t layer, std::span<const PassItem> items, const Attention::Matrix& q,
                        const AttentionRule& rule, WorkerPool* pool) {
  tasks_.clear();
  size_t pages = 0;
  for (uint32_t i = 0, row = 0; i < items.size(); row += static_cast<uint32_t>(items[i++].tokens.size())) {
    if (items[i].masses.empty()) continue;
    for (uint32_t head = 0; head < shape_.n_kv_heads; ++head, pages += items[i].kv.size())
      tasks_.push_back({i, row, head, pages});
  }
  masses_.assign(pages, {});
  const auto one = [&](uint32_t t, unsigned worker) {
    work(tasks_[t], layer, items[tasks_[t].item], q, rule, workers_[worker]);
  };
  const auto n_tasks = static_cast<uint32_t>(tasks_.size());
  if (pool) {
    pool->run(n_tasks, [&](uint32_t t, unsigned worker) { one(t, worker); });
  } else {
    for (uint32_t t = 0; t < n_tasks; ++t) one(t, 0);
  }
  // What the pages had before fades once for a pass, at the layer that is looked at first.
  const uint32_t looked_at = (n_layers_ + kLayerStep - 1) / kLayerStep;
  const float share = 1.0f / static_cast<float>(looked_at * group_ * shape_.n_kv_heads);
  for (const Task& task : tasks_) {
    const PassItem& item = items[task.item];
    if (layer < kLayerStep && task.kv_head == 0) {
      const float fade = std::pow(kMassFade, static_cast<float>(item.tokens.size()));
      for (PageMass& mass : item.masses) mass.recent *= fade;
    }
    for (size_t p = 0; p < item.kv.size(); ++p) {
      PageMass& mass = item.masses[item.kv[p].first_pos / PHI_PAGE_TOKENS];
      mass.total += share * masses_[task.first_page + p].total;
      mass.recent += share * masses_[task.first_page + p].recent;
    }
  }
}

// A few rows at a time: what each page got from each of them, then their shares.
void AttentionMass::work(const Task& task, uint32_t layer, const PassItem& item, const Attention::Matrix& q,
                         const AttentionRule& rule, Worker& w) {
  const size_t most = size_t{kRowsAtOnce} * group_, dim = shape_.head_dim, n_pages = item.kv.size();
  w.scratch.resize(attention_scratch(dim));
  w.out.resize(most * dim);
  w.peak.resize(n_pages * most);
  w.sum.resize(n_pages * most);
  const auto n_rows = static_cast<uint32_t>(item.tokens.size());
  for (uint32_t from = 0; from < n_rows; from += kRowsAtOnce) {
    const Slice slice{from, std::min(kRowsAtOnce, n_rows - from)};
    const AttentionQueries queries = gather(task, layer, slice, item, q, rule, w);
    for (size_t p = 0; p < n_pages; ++p) {
      const AttentionState state{w.peak.data() + p * queries.n, w.sum.data() + p * queries.n, w.out.data()};
      std::fill_n(state.peak, queries.n, -INFINITY);
      std::fill_n(state.sum, queries.n, 0.0f);
      std::fill_n(state.out, queries.n * dim, 0.0f);
      kernels_.attend(queries,
                      {shape_, layer, task.kv_head, item.kv.subspan(p, 1),
                       item.kv.subspan(p + 1, p + 1 < n_pages ? 1 : 0)},
                      state, w.scratch.data());
    }
    share_out(task, slice, n_rows, n_pages, w);
  }
}

// The queries of one kv head, scaled, [row][group][head_dim].
AttentionQueries AttentionMass::gather(const Task& task, uint32_t layer, const Slice& slice,
                                       const PassItem& item, const Attention::Matrix& q,
                                       const AttentionRule& rule, Worker& w) const {
  const size_t dim = shape_.head_dim, n = size_t{slice.n} * group_;
  const float scale = std::numbers::log2e_v<float> *
                      (rule.scale > 0 ? rule.scale : 1.0f / std::sqrt(static_cast<float>(dim)));
  w.q.resize(n * dim);
  w.last.resize(n);
  w.first.resize(n);
  for (uint32_t r = 0; r < slice.n; ++r) {
    const uint32_t position = item.first_pos + slice.from + r;
    const float* from = q.row(task.first_row + slice.from + r) + size_t{task.kv_head} * group_ * dim;
    std::transform(from, from + group_ * dim, w.q.data() + r * group_ * dim,
                   [scale](float x) { return x * scale; });
    std::fill_n(w.last.data() + r * group_, group_, position);
    std::fill_n(w.first.data() + r * group_, group_,
                rule.window == 0 || position < rule.window ? 0 : position + 1 - rule.window);
  }
  w.rotated = w.q;
  if (std::ranges::any_of(item.kv, [&](const KvSpan& span) { return shape_.rotates(span.tier); }))
    for (size_t i = 0; i < n; ++i)
      kernels_.rotate(w.q.data() + i * dim, shape_.rotation(&KvRotations::queries, layer, task.kv_head), dim,
                      w.rotated.data() + i * dim);
  return {n,
          w.q.data(),
          w.rotated.data(),
          w.last.data(),
          rule.window > 0 ? w.first.data() : nullptr,
          std::numbers::log2e_v<float> * rule.cap};
}

void AttentionMass::share_out(const Task& task, const Slice& slice, uint32_t n_rows, size_t n_pages,
                              const Worker& w) {
  const size_t n = size_t{slice.n} * group_;
  for (size_t i = 0; i < n; ++i) {
    float peak = -INFINITY, sum = 0;
    for (size_t p = 0; p < n_pages; ++p) peak = std::max(peak, w.peak[p * n + i]);
    for (size_t p = 0; p < n_pages; ++p) sum += std::exp2(w.peak[p * n + i] - peak) * w.sum[p * n + i];
    if (!(sum > 0)) continue;
    const size_t row = slice.from + i / group_;
    const float fade = std::pow(kMassFade, static_cast<float>(n_rows - 1 - row));
    for (size_t p = 0; p < n_pages; ++p) {
      const float share = std::exp2(w.peak[p * n + i] - peak) * w.sum[p * n + i] / sum;
      PageMass& mass = masses_[task.first_page + p];
      mass.total += share;
      mass.recent += share * fade;
    }
  }
}

}  // namespace phios
