#include "drivers/model/native/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>

#include "drivers/model/native/config.h"
#include "mm/codec.h"

namespace phios {

namespace {

constexpr uint32_t kTaskQueries = 64;  // of one head, whose states fit the caches
constexpr double kTasksPerWorker = 6;
constexpr double kTaskNanos = 4000;        // a shorter task is joined with another
constexpr double kSharedTaskFactor = 4;    // rows that share pages make a task so much longer than others
constexpr double kNanosPerChannel = 0.03;  // of one position and query
constexpr double kNanosPerQuery = 50;

bool same_page(const KvSpan& a, const KvSpan& b) {
  return a.frame == b.frame && a.tier == b.tier && a.first_pos == b.first_pos && a.n == b.n;
}

uint32_t count_rows(std::span<const PassItem> items) {
  size_t n = 0;
  for (const PassItem& item : items) n += item.tokens.size();
  return static_cast<uint32_t>(n);
}

}  // namespace

void Attention::States::resize(size_t queries, size_t head_dim) {
  queries_ = queries, dim_ = head_dim;
  if (memory_.size() < queries * (head_dim + 2)) memory_.resize(queries * (head_dim + 2));
}

AttentionState Attention::States::at(size_t query) {
  float* peak = memory_.data();
  return AttentionState{peak, peak + queries_, peak + 2 * queries_}.from(query, dim_);
}

void Attention::States::clear(size_t query, size_t n) {
  const AttentionState s = at(query);
  std::fill_n(s.peak, n, -INFINITY);
  std::fill_n(s.sum, n, 0.0f);
  std::fill_n(s.out, n * dim_, 0.0f);
}

Attention::Attention(const AttentionKernels& kernels, KvShape shape, uint32_t n_heads, unsigned workers)
    : kernels_(kernels),
      shape_(shape),
      group_(n_heads / shape.n_kv_heads),
      most_queries_(std::max(kTaskQueries, group_)),
      scale_(1.0f / std::sqrt(static_cast<float>(shape.head_dim))),
      workers_(workers) {
  for (Worker& w : workers_) {
    w.q.resize(size_t{most_queries_} * shape.head_dim);
    w.rotated.resize(size_t{most_queries_} * shape.head_dim);
    w.scratch.resize(attention_scratch(shape.head_dim));
    w.last.resize(most_queries_);
    w.total.resize(most_queries_, shape.head_dim);
    w.section.resize(most_queries_, shape.head_dim);
  }
}

void Attention::begin(std::span<const PassItem> items) {
  items_ = items;
  rows_.clear();
  rows_.reserve(count_rows(items));
}

void Attention::add_row(uint32_t item, uint32_t position) { rows_.push_back({item, position}); }

void Attention::plan(unsigned workers) {
  planned_workers_ = workers;
  make_members();
  count_shared();
  make_tasks(workers);
}

// The item's pages up to a position, by blocks.
void Attention::find_blocks(uint32_t item, uint32_t last_pos) {
  const std::span<const KvSpan> kv = items_[item].kv;
  for (uint32_t i = 0; i < kv.size() && kv[i].first_pos <= last_pos;) {
    const uint32_t block = kv[i].first_pos / kBlockPositions, first = i;
    while (i < kv.size() && kv[i].first_pos <= last_pos && kv[i].first_pos / kBlockPositions == block) ++i;
    blocks_.push_back({first, i - first, block * kBlockPositions / kSectionPositions});
  }
}

// Items in the order of their frames, so that those with a common prefix are neighbours; their rows in pieces
// that a task can take.
void Attention::make_members() {
  members_.clear(), blocks_.clear(), filled_.clear();
  for (uint32_t first = 0, last; first < rows_.size(); first = last) {
    last = first + 1;
    while (last < rows_.size() && rows_[last].item == rows_[first].item) ++last;
    members_.push_back({.item = rows_[first].item,
                        .first_row = first,
                        .n_rows = last - first,
                        .first_block = 0,
                        .n_blocks = 0});
  }
  const auto before = [&](const Member& a, const Member& b) {
    return std::ranges::lexicographical_compare(items_[a.item].kv, items_[b.item].kv, std::less<>(),
                                                &KvSpan::frame, &KvSpan::frame);
  };
  std::ranges::stable_sort(members_, before);
  const uint32_t most_rows = std::max(1u, most_queries_ / group_);
  const size_t whole = members_.size();
  for (size_t i = 0; i < whole; ++i) {
    const Member m = members_[i];
    const auto first_block = static_cast<uint32_t>(blocks_.size());
    find_blocks(m.item, rows_[m.first_row + m.n_rows - 1].position);
    const std::span<const KvSpan> kv = items_[m.item].kv;
    const bool rotated = std::ranges::any_of(kv, kv_rotated, &KvSpan::tier);
    for (uint32_t at = 0; at < m.n_rows; at += most_rows) {
      Member piece = m;
      piece.first_row += at;
      piece.n_rows = std::min(most_rows, m.n_rows - at);
      piece.rotated = rotated;
      piece.first_block = first_block;
      const uint32_t last = rows_[piece.first_row + piece.n_rows - 1].position;
      const auto sees = [&](const Block& b) { return kv[b.first].first_pos <= last; };
      piece.n_blocks =
          static_cast<uint32_t>(std::ranges::count_if(std::span(blocks_).subspan(first_block), sees));
      members_.push_back(piece);
    }
  }
  members_.erase(members_.begin(), members_.begin() + static_cast<ptrdiff_t>(whole));
}

bool Attention::same_block(const Member& a, const Member& b, uint32_t block) const {
  return std::ranges::equal(pages(a, block), pages(b, block), same_page);
}

void Attention::count_shared() {
  for (size_t i = 1; i < members_.size(); ++i) {
    const Member& before = members_[i - 1];
    Member& m = members_[i];
    const uint32_t most = std::min(before.n_blocks, m.n_blocks);
    m.shared = before.item == m.item ? most : 0;
    while (m.shared < most && same_block(before, m, m.shared)) ++m.shared;
  }
}

double Attention::nanos(const Member& m) const {
  return queries(m) * (kNanosPerQuery + kNanosPerChannel * m.n_blocks * kBlockPositions * shape_.head_dim);
}

void Attention::make_tasks(unsigned workers) {
  tasks_.clear(), merges_.clear();
  double total = 0;
  for (const Member& m : members_) total += nanos(m) * shape_.n_kv_heads;
  const double target = workers == 1 ? total : std::max(total / (workers * kTasksPerWorker), kTaskNanos);
  for (uint32_t first = 0, last; first < members_.size(); first = last) {
    uint32_t n_queries = 0;
    double cost = 0;
    for (last = first; last < members_.size(); ++last) {
      const Member& m = members_[last];
      const bool shares = last > first && m.shared * 2 >= m.n_blocks;
      if (last > first && (n_queries + queries(m) > most_queries_ ||
                           cost + nanos(m) > (shares ? kSharedTaskFactor : 1) * target))
        break;
      n_queries += queries(m);
      cost += nanos(m);
    }
    if (last == first + 1 && cost > target && workers > 1) {
      split(first, static_cast<uint32_t>(std::ceil(cost / target)));
      continue;
    }
    const auto heads =
        static_cast<uint32_t>(std::clamp(target / cost, 1.0, static_cast<double>(shape_.n_kv_heads)));
    for (uint32_t head = 0; head < shape_.n_kv_heads; head += heads)
      tasks_.push_back({first, last, head, std::min(head + heads, shape_.n_kv_heads)});
  }
  size_t partial_queries = 0;
  for (Merge& m : merges_) {
    m.first_query = partial_queries;
    partial_queries += size_t{m.sections} * shape_.n_kv_heads * queries(members_[m.member]);
  }
  partials_.resize(partial_queries, shape_.head_dim);
  partials_.clear(0, partial_queries);
}

// A member's blocks, by whole sections, into at most so many parts for each head.
void Attention::split(uint32_t member, uint32_t parts) {
  const Member& m = members_[member];
  const uint32_t first_section = section(m, 0);
  const uint32_t sections = section(m, m.n_blocks - 1) - first_section + 1;
  parts = std::min(parts, sections);
  const auto index = static_cast<uint32_t>(merges_.size());
  if (parts > 1) merges_.push_back({member, 0, first_section, sections});
  for (uint32_t part = 0, block = 0; part < parts; ++part) {
    const uint32_t begin = block, end_section = first_section + sections * (part + 1) / parts;
    while (block < m.n_blocks && section(m, block) < end_section) ++block;
    for (uint32_t head = 0; head < shape_.n_kv_heads; ++head)
      tasks_.push_back({member, member + 1, head, head + 1, begin, block, parts > 1 ? index : kNone});
  }
}

std::span<const KvSpan> Attention::pages(const Member& m, uint32_t block) const {
  if (block >= m.n_blocks) return {};
  const Block& b = blocks_[m.first_block + block];
  return items_[m.item].kv.subspan(b.first, b.n);
}

// The pages that a pass writes stand side by side at the end of the list.
const KvSpan& Attention::page_of(const Row& row) const {
  const std::span<const KvSpan> kv = items_[row.item].kv;
  const uint32_t back = kv.back().first_pos / PHI_PAGE_TOKENS - row.position / PHI_PAGE_TOKENS;
  return kv[kv.size() - 1 - back];
}

void Attention::store(uint32_t layer, size_t r, const Kernels& kernels, const float* k,
                      const float* v) const {
  const Row& row = rows_[r];
  const KvSpan& span = page_of(row);
  const uint32_t slot = row.position - span.first_pos, dim = shape_.head_dim;
  const bool fills = slot + 1 == PHI_PAGE_TOKENS && items_[row.item].tokens.size() == 1;
  for (uint32_t head = 0; head < shape_.n_kv_heads; ++head) {
    auto* keys = reinterpret_cast<uint16_t*>(span.frame + shape_.key_offset(KvTier::kF16, layer, head));
    auto* values = reinterpret_cast<uint16_t*>(span.frame + shape_.value_offset(KvTier::kF16, layer, head));
    std::array<uint16_t, ModelConfig::kHeadDimMax> key;
    kernels.to_f16(k + size_t{head} * dim, key.data(), dim);
    for (uint32_t c = 0; c < dim; ++c) keys[c * PHI_PAGE_TOKENS + slot] = key[c];
    kernels.to_f16(v + size_t{head} * dim, values + size_t{slot} * dim, dim);
    if (fills) summarise(layer, head, span);
  }
}

void Attention::summarise(uint32_t layer, uint32_t head, const KvSpan& span) const {
  kernels_.key_ranges(
      reinterpret_cast<const uint16_t*>(span.frame + shape_.key_offset(KvTier::kF16, layer, head)),
      shape_.head_dim, span.frame + shape_.key_range_offset(KvTier::kF16, layer, head));
}

// A chunk's rows fill a page together: only when all are stored can its keys be summed up.
void Attention::complete(uint32_t layer, WorkerPool& pool) {
  filled_.clear();
  for (const Row& row : rows_)
    if (items_[row.item].tokens.size() > 1 && (row.position + 1) % PHI_PAGE_TOKENS == 0)
      filled_.push_back(&page_of(row));
  const auto one = [&](uint32_t i) {
    for (uint32_t head = 0; head < shape_.n_kv_heads; ++head) summarise(layer, head, *filled_[i]);
  };
  const auto n = static_cast<uint32_t>(filled_.size());
  if (n > 1 && planned_workers_ > 1) return pool.run(n, [&](uint32_t i, unsigned) { one(i); });
  for (uint32_t i = 0; i < n; ++i) one(i);
}

void Attention::run(uint32_t layer, const Matrix& q, const Matrix& out, WorkerPool& pool) {
  const auto task = [&](uint32_t i, unsigned worker) {
    const Task& t = tasks_[i];
    for (uint32_t head = t.first_head; head < t.last_head; ++head)
      work(t, head, layer, q, out, workers_[worker]);
  };
  const auto n_tasks = static_cast<uint32_t>(tasks_.size());
  if (planned_workers_ > 1 && n_tasks > 1) {
    pool.run(n_tasks, [&](uint32_t i, unsigned worker) { task(i, worker); });
  } else {
    for (uint32_t i = 0; i < n_tasks; ++i) task(i, 0);
  }
  for (const Merge& m : merges_)
    for (uint32_t head = 0; head < shape_.n_kv_heads; ++head) merge(m, head, out, workers_[0]);
}

void Attention::work(const Task& task, uint32_t head, uint32_t layer, const Matrix& q, const Matrix& out,
                     Worker& w) {
  gather(task, head, q, w);
  uint32_t n_queries = 0;
  for (uint32_t m = task.first; m < task.last; ++m) n_queries += queries(members_[m]);
  w.total.clear(0, n_queries);
  attend({task, layer, head, out, w},
         {.first = task.first, .last = task.last, .query = 0, .block = task.first_block}, {});
}

// The queries of a head, scaled, those of a row side by side.
void Attention::gather(const Task& task, uint32_t head, const Matrix& q, Worker& w) const {
  const size_t dim = shape_.head_dim;
  size_t query = 0;
  for (uint32_t i = task.first; i < task.last; ++i) {
    const Member& m = members_[i];
    for (uint32_t r = m.first_row; r < m.first_row + m.n_rows; ++r) {
      const float* from = q.row(r) + head * group_ * dim;
      float* to = w.q.data() + query * dim;
      for (size_t d = 0; d < group_ * dim; ++d) to[d] = from[d] * scale_;
      std::fill_n(w.last.data() + query, group_, rows_[r].position);
      for (size_t g = 0; m.rotated && g < group_; ++g) {
        float* rotated = w.rotated.data() + (query + g) * dim;
        std::memcpy(rotated, to + g * dim, dim * sizeof(float));
        kernels_.rotate(rotated, dim);
      }
      query += group_;
    }
  }
}

// Along the blocks that the members have in common, then along each branch. `after` is what comes when the
// path ends.
void Attention::attend(const Job& job, Path path, std::span<const KvSpan> after) {
  uint32_t n_queries = 0;
  for (uint32_t m = path.first; m < path.last; ++m) n_queries += queries(members_[m]);
  const auto branch_end = [&](uint32_t m) {
    ++m;
    while (m < path.last && members_[m].shared > path.block) ++m;
    return m;
  };
  for (;; ++path.block) {
    if (branch_end(path.first) < path.last) break;
    const Member& m = members_[path.first];
    if (path.block >= std::min(m.n_blocks, job.task.last_block)) break;
    if (section(m, path.block) != path.section) {
      end_section(job, path, n_queries);
      path.section = section(m, path.block);
      job.w.section.clear(path.query, n_queries);
    }
    const std::span<const KvSpan> next = pages(m, path.block + 1);
    attend_block(job, path, n_queries, next.empty() ? after : next);
  }
  if (path.last - path.first == 1) {
    end_section(job, path, n_queries);
    if (job.task.merge == kNone) finish(members_[path.first], job.head, path.query, job.out, job.w);
    return;
  }
  Path branch = path;
  for (; branch.first < path.last; branch.first = branch.last) {
    branch.last = branch_end(branch.first);
    attend(job, branch, branch.last < path.last ? pages(members_[branch.last], path.block) : after);
    for (uint32_t m = branch.first; m < branch.last; ++m) branch.query += queries(members_[m]);
  }
}

void Attention::attend_block(const Job& job, const Path& path, uint32_t n_queries,
                             std::span<const KvSpan> next) {
  const size_t dim = shape_.head_dim;
  Worker& w = job.w;
  const AttentionQueries queries{n_queries, w.q.data() + path.query * dim,
                                 w.rotated.data() + path.query * dim, w.last.data() + path.query};
  const AttentionBlock block{shape_, job.layer, job.head, pages(members_[path.first], path.block), next};
  kernels_.attend(queries, block, w.section.at(path.query), w.scratch.data());
}

// The open section's states go to the totals, or to where merge() finds them.
void Attention::end_section(const Job& job, const Path& path, uint32_t n_queries) {
  if (path.section == kNone) return;
  const AttentionState from = job.w.section.at(path.query);
  if (job.task.merge == kNone) {
    kernels_.merge(job.w.total.at(path.query), from, n_queries, shape_.head_dim);
    return;
  }
  const Merge& m = merges_[job.task.merge];
  const AttentionState to = partials_.at(
      m.first_query + (size_t{path.section - m.first_section} * shape_.n_kv_heads + job.head) * n_queries);
  std::memcpy(to.peak, from.peak, n_queries * sizeof(float));
  std::memcpy(to.sum, from.sum, n_queries * sizeof(float));
  std::memcpy(to.out, from.out, n_queries * shape_.head_dim * sizeof(float));
}

void Attention::merge(const Merge& m, uint32_t head, const Matrix& out, Worker& w) {
  const Member& member = members_[m.member];
  const size_t n = queries(member);
  w.total.clear(0, n);
  for (uint32_t s = 0; s < m.sections; ++s)
    kernels_.merge(w.total.at(0), partials_.at(m.first_query + (size_t{s} * shape_.n_kv_heads + head) * n), n,
                   shape_.head_dim);
  finish(member, head, 0, out, w);
}

void Attention::finish(const Member& m, uint32_t head, uint32_t query, const Matrix& out, Worker& w) const {
  const size_t dim = shape_.head_dim;
  const AttentionState total = w.total.at(query);
  for (uint32_t i = 0; i < queries(m); ++i)
    kernels_.finish(total, i, dim, out.row(m.first_row + i / group_) + (head * group_ + i % group_) * dim);
}

}  // namespace phios
