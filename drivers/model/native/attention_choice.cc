// Attention to chosen pages: each KV head takes the pages whose keys may score highest (Quest, arXiv
// 2406.10774), beside the first and the newest ones.
#include <algorithm>
#include <atomic>
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

// The pages that the task's row sees.
std::span<const KvSpan> Attention::seen_pages(const Job& job) const {
  const Member& m = members_[job.task.first];
  std::span<const KvSpan> all = items_[m.item].kv;
  while (all.back().first_pos > rows_[m.first_row].position) all = all.first(all.size() - 1);
  return all;
}

// Those of them among which a head chooses; none: there are so few that it attends to all.
std::span<const KvSpan> Attention::choice(const Job& job) const {
  const std::span<const KvSpan> all = seen_pages(job);
  if (all.size() <= kFirstPages + members_[job.task.first].chosen + kNewestPages) return {};
  return all.subspan(kFirstPages, all.size() - kFirstPages - kNewestPages);
}

// What the pages of the choice may score, for each head of the task.
void Attention::bound_choice(const Job& job) {
  Worker& w = job.w;
  const std::span<const KvSpan> pages = choice(job);
  const uint32_t heads = job.task.last_head - job.task.first_head;
  w.bounds.resize(heads * pages.size());
  w.ranks.resize(pages.size());
  w.bound_scratch.resize(bound_scratch(heads, job.n_queries, shape_.head_dim));
  if (!pages.empty())
    kernels_.bound({job.n_queries, w.q.data(), w.rotated.data(), w.last.data()},
                   {shape_, job.layer, job.task.first_head, pages, {}}, heads, w.bound_scratch.data(),
                   w.bounds.data());
}

// The pages that the head attends to, in order, by the bounds of bound_choice().
void Attention::choose_pages(const Job& job, uint32_t head) {
  const uint32_t chosen = members_[job.task.first].chosen;
  Worker& w = job.w;
  const std::span<const KvSpan> all = seen_pages(job), pages = choice(job);
  if (pages.empty()) return w.pages.assign(all.begin(), all.end());
  const float* bounds = w.bounds.data() + (head - job.task.first_head) * pages.size();
  for (size_t i = 0; i < pages.size(); ++i)
    w.ranks[i] = pages[i].n < PHI_PAGE_TOKENS ? INT32_MAX : rank_of(bounds[i]);  // no ranges: taken
  const int32_t bar = kernels_.find_bar(w.ranks.data(), w.ranks.size(), chosen);
  int64_t level = chosen - std::ranges::count_if(w.ranks, [&](int32_t rank) { return rank > bar; });
  w.pages.assign(all.begin(), all.begin() + kFirstPages);
  for (size_t i = 0; i < pages.size(); ++i)
    if (w.ranks[i] > bar || (w.ranks[i] == bar && level-- > 0)) w.pages.push_back(pages[i]);
  w.pages.insert(w.pages.end(), all.end() - kNewestPages, all.end());
}

void Attention::find_wanted(uint32_t layer, const Matrix& q, uint32_t item, std::vector<uint8_t>& wanted,
                            WorkerPool& pool) {
  const std::span<const KvSpan> kv = items_[item].kv;
  wanted.assign(kv.back().first_pos / PHI_PAGE_TOKENS + 1, 0);
  const auto mark = [&](std::span<const KvSpan> pages) {
    for (const KvSpan& page : pages)
      std::atomic_ref(wanted[page.first_pos / PHI_PAGE_TOKENS]).store(1, std::memory_order_relaxed);
  };
  for (const Member& m : members_)
    if (m.item == item && m.chosen == 0) return mark(kv);
  each_task(pool, [&](const Task& task, Worker& w) {
    if (members_[task.first].item == item) find_chosen({task, n_queries(task), layer, q, q, w}, mark);
  });
}

// The pages of all heads of a task, by the same bounds as attend_chosen(), which finds them again.
template <class Found>
void Attention::find_chosen(const Job& job, Found found) {
  gather(job);
  bound_choice(job);
  for (uint32_t head = job.task.first_head; head < job.task.last_head; ++head) {
    choose_pages(job, head);
    found(job.w.pages);
  }
}

void Attention::attend_chosen(const Job& job, uint32_t head) {
  choose_pages(job, head);
  const bool chosen = !choice(job).empty();
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
    kernels_.attend(queries, {shape_, job.layer, head, block, block_at(page)}, w.section.at(at),
                    w.scratch.data());
  }
  kernels_.merge(w.total.at(at), w.section.at(at), n, dim);
  finish(members_[job.task.first], head, w.total.at(at), job.out);
}

}  // namespace phios
