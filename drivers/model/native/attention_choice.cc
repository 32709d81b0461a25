// Attention to chosen pages: each KV head takes the pages whose keys may score highest (Quest, arXiv
// 2406.10774), beside the first and the newest ones.
#include <algorithm>
#include <bit>
#include <cmath>

#include "drivers/model/native/attention.h"

namespace phios {

namespace {

// An integer that is larger where the float is.
int32_t rank_of(float x) {
  const auto bits = std::bit_cast<int32_t>(x);
  return bits ^ ((bits >> 31) & INT32_MAX);
}

}  // namespace

// The pages of the task's row that the head attends to, in order. False: all of them, there are so few.
bool Attention::choose_pages(const Job& job, uint32_t head) {
  const Member& m = members_[job.task.first];
  Worker& w = job.w;
  const size_t dim = shape_.head_dim;
  std::span<const KvSpan> all = items_[m.item].kv;
  while (all.back().first_pos > rows_[m.first_row].position) all = all.first(all.size() - 1);
  if (all.size() <= kFirstPages + m.chosen + kNewestPages) {
    w.pages.assign(all.begin(), all.end());
    return false;
  }

  const std::span<const KvSpan> choice = all.subspan(kFirstPages, all.size() - kFirstPages - kNewestPages);
  w.bounds.resize(choice.size());
  w.ranks.resize(choice.size());
  const uint32_t at = job.at(head, 0);
  kernels_.bound({job.n_queries, w.q.data() + at * dim, w.rotated.data() + at * dim, w.last.data()},
                 {shape_, job.layer, head, choice, {}}, w.scratch.data(), w.bounds.data());
  for (size_t i = 0; i < choice.size(); ++i)
    w.ranks[i] = choice[i].n < PHI_PAGE_TOKENS ? INT32_MAX : rank_of(w.bounds[i]);  // no ranges: taken
  const int32_t bar = kernels_.find_bar(w.ranks.data(), w.ranks.size(), m.chosen);
  int64_t level = m.chosen - std::ranges::count_if(w.ranks, [&](int32_t rank) { return rank > bar; });
  w.pages.assign(all.begin(), all.begin() + kFirstPages);
  for (size_t i = 0; i < choice.size(); ++i)
    if (w.ranks[i] > bar || (w.ranks[i] == bar && level-- > 0)) w.pages.push_back(choice[i]);
  w.pages.insert(w.pages.end(), all.end() - kNewestPages, all.end());
  return true;
}

void Attention::attend_chosen(const Job& job, uint32_t head) {
  const bool chosen = choose_pages(job, head);
  Worker& w = job.w;
  const uint32_t at = job.at(head, 0), n = job.n_queries;
  const size_t dim = shape_.head_dim;
  const AttentionQueries queries{
      n, w.q.data() + at * dim, w.rotated.data() + at * dim, w.last.data(), nullptr, cap_};
  // Chosen pages move up: what is left of each block of positions would be a block of a page or two.
  const auto block_of = [&](size_t i) {
    return (chosen ? i : w.pages[i].first_pos / PHI_PAGE_TOKENS) / kBlockPages;
  };
  const auto block_at = [&](size_t first) {
    size_t last = first;
    while (last < w.pages.size() && block_of(last) == block_of(first)) ++last;
    return std::span<const KvSpan>(w.pages).subspan(first, last - first);
  };
  size_t section = SIZE_MAX;
  for (size_t page = 0; page < w.pages.size();) {
    if (const size_t of = block_of(page) / kSectionBlocks; section != of) {
      if (section != SIZE_MAX) kernels_.merge(w.total.at(at), w.section.at(at), n, dim);
      section = of;
      w.section.clear(at, n);
    }
    const std::span<const KvSpan> block = block_at(page);
    page += block.size();
    kernels_.attend(queries, {shape_, job.layer, head, block, block_at(page), head}, w.section.at(at),
                    w.scratch.data());
  }
  kernels_.merge(w.total.at(at), w.section.at(at), n, dim);
  finish(members_[job.task.first], head, w.total.at(at), job.out);
}

}  // namespace phios
