// Attention to chosen pages: each KV head takes the pages whose keys may score highest (Quest, arXiv
// 2406.10774), beside the first and the newest ones.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "drivers/model/native/attention.h"

namespace phios {

// The pages of the task's row that the head attends to, in order.
void Attention::choose_pages(const Job& job, uint32_t head) {
  const Member& m = members_[job.task.first];
  Worker& w = job.w;
  const size_t dim = shape_.head_dim;
  std::span<const KvSpan> all = items_[m.item].kv;
  while (all.back().first_pos > rows_[m.first_row].position) all = all.first(all.size() - 1);
  w.pages.assign(all.begin(), all.end());
  if (all.size() <= kFirstPages + m.chosen + kNewestPages) return;

  const std::span<const KvSpan> choice = all.subspan(kFirstPages, all.size() - kFirstPages - kNewestPages);
  w.bounds.resize(choice.size());
  w.order.resize(choice.size());
  const uint32_t at = job.at(head, 0);
  kernels_.bound({job.n_queries, w.q.data() + at * dim, w.rotated.data() + at * dim, w.last.data()},
                 {shape_, job.layer, head, choice, {}}, w.scratch.data(), w.bounds.data());
  for (size_t i = 0; i < choice.size(); ++i)
    if (choice[i].n < PHI_PAGE_TOKENS) w.bounds[i] = INFINITY;  // it has no ranges
  std::iota(w.order.begin(), w.order.end(), 0u);
  const auto end = w.order.begin() + m.chosen;
  std::nth_element(w.order.begin(), end, w.order.end(), [&](uint32_t a, uint32_t b) {
    return w.bounds[a] != w.bounds[b] ? w.bounds[a] > w.bounds[b] : a < b;
  });
  std::sort(w.order.begin(), end);
  for (uint32_t i = 0; i < m.chosen; ++i) w.pages[kFirstPages + i] = choice[w.order[i]];
  std::copy(all.end() - kNewestPages, all.end(), w.pages.begin() + kFirstPages + m.chosen);
  w.pages.resize(kFirstPages + m.chosen + kNewestPages);
}

void Attention::attend_chosen(const Job& job, uint32_t head) {
  choose_pages(job, head);
  Worker& w = job.w;
  const uint32_t at = job.at(head, 0), n = job.n_queries;
  const size_t dim = shape_.head_dim;
  const AttentionQueries queries{
      n, w.q.data() + at * dim, w.rotated.data() + at * dim, w.last.data(), nullptr, cap_};
  const auto block_at = [&](size_t first) {
    size_t last = first;
    while (last < w.pages.size() &&
           w.pages[last].first_pos / kBlockPositions == w.pages[first].first_pos / kBlockPositions)
      ++last;
    return std::span<const KvSpan>(w.pages).subspan(first, last - first);
  };
  uint32_t section = kNone;
  for (size_t page = 0; page < w.pages.size();) {
    const std::span<const KvSpan> block = block_at(page);
    if (section != block[0].first_pos / kSectionPositions) {
      if (section != kNone) kernels_.merge(w.total.at(at), w.section.at(at), n, dim);
      section = block[0].first_pos / kSectionPositions;
      w.section.clear(at, n);
    }
    page += block.size();
    kernels_.attend(queries, {shape_, job.layer, head, block, block_at(page), head}, w.section.at(at),
                    w.scratch.data());
  }
  kernels_.merge(w.total.at(at), w.section.at(at), n, dim);
  finish(members_[job.task.first], head, w.total.at(at), job.out);
}

}  // namespace phios
