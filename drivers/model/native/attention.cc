#include "drivers/model/native/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>

#include "drivers/model/native/config.h"
#include "mm/codec.h"

namespace phios {

namespace {

constexpr uint32_t kTaskQueries = 64;  // of one head
constexpr uint32_t kTaskStates = 256;  // queries of all its heads, whose states fit the caches
constexpr double kTasksPerWorker = 4;
constexpr double kTaskNanos = 4000;        // a shorter task is joined with another
constexpr double kNanosPerChannel = 0.03;  // of one position and query
constexpr double kNanosPerQuery = 50;
constexpr double kBoundShare = 0.15;  // what the bound of a page costs, beside attention to it

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
  float* out = memory_.data();
  float* peak = out + queries_ * dim_;
  return AttentionState{peak, peak + queries_, out}.from(query, dim_);
}

void Attention::States::clear(size_t query, size_t n) {
  const AttentionState s = at(query);
  std::fill_n(s.peak, n, -INFINITY);
  std::fill_n(s.sum, n, 0.0f);
  std::fill_n(s.out, n * dim_, 0.0f);
}

Attention::Attention(const AttentionKernels& kernels, KvShape shape, uint32_t n_heads, unsigned workers,
                     const AttentionRule& rule)
    : kernels_(kernels),
      shape_(shape),
      group_(n_heads / shape.n_kv_heads),
      most_queries_(std::max(kTaskQueries, group_)),
      scale_(std::numbers::log2e_v<float> *
             (rule.scale > 0 ? rule.scale : 1.0f / std::sqrt(static_cast<float>(shape.head_dim)))),
      cap_(std::numbers::log2e_v<float> * rule.cap),
      window_(rule.window),
      workers_(workers) {
  for (Worker& w : workers_) {
    const size_t states = std::max(kTaskStates, most_queries_);
    w.q.resize(states * shape.head_dim);
    w.rotated.resize(states * shape.head_dim);
    w.scratch.resize(attention_scratch(shape.head_dim));
    w.last.resize(most_queries_);
    w.first.resize(most_queries_);
    w.total.resize(states, shape.head_dim);
    w.section.resize(states, shape.head_dim);
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

uint32_t Attention::first_seen(const Row& row) const {
  return window_ == 0 || row.position < window_ ? 0 : row.position + 1 - window_;
}

// The item's pages from one position's block up to another position, by blocks.
void Attention::find_blocks(uint32_t item, uint32_t first_pos, uint32_t last_pos) {
  const std::span<const KvSpan> kv = items_[item].kv;
  uint32_t i = 0;
  while (kv[i].first_pos / kBlockPositions < first_pos / kBlockPositions) ++i;  // the newest is there
  while (i < kv.size() && kv[i].first_pos <= last_pos) {
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
  const size_t whole = members_.size();
  for (size_t i = 0; i < whole; ++i) {
    const Member m = members_[i];
    const auto first_block = static_cast<uint32_t>(blocks_.size());
    find_blocks(m.item, first_seen(rows_[m.first_row]), rows_[m.first_row + m.n_rows - 1].position);
    const std::span<const KvSpan> kv = items_[m.item].kv;
    const bool rotated =
        std::ranges::any_of(kv, [&](const KvSpan& span) { return shape_.rotates(span.tier); });
    const uint32_t chosen = window_ == 0 ? items_[m.item].attend_pages : 0;
    const bool chooses = chosen > 0 && kv.size() > kFirstPages + chosen + kNewestPages;
    const uint32_t most_rows = chooses ? 1 : std::max(1u, most_queries_ / group_);
    for (uint32_t at = 0; at < m.n_rows; at += most_rows) {
      Member piece = m;
      piece.first_row += at;
      piece.n_rows = std::min(most_rows, m.n_rows - at);
      piece.rotated = rotated;
      piece.chosen = chooses ? chosen : 0;
      piece.first_block = first_block;
      const uint32_t first = first_seen(rows_[piece.first_row]) / kBlockPositions;
      while (kv[blocks_[piece.first_block].first].first_pos / kBlockPositions < first) ++piece.first_block;
      const uint32_t last = rows_[piece.first_row + piece.n_rows - 1].position;
      const auto sees = [&](const Block& b) { return kv[b.first].first_pos <= last; };
      piece.n_blocks =
          static_cast<uint32_t>(std::ranges::count_if(std::span(blocks_).subspan(piece.first_block), sees));
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
    if (before.chosen > 0 || m.chosen > 0) continue;
    const uint32_t most = std::min(before.n_blocks, m.n_blocks);
    m.shared = before.item == m.item && before.first_block == m.first_block ? most : 0;
    while (m.shared < most && same_block(before, m, m.shared)) ++m.shared;
  }
}

double Attention::nanos(const Member& m) const {
  double positions = double{kBlockPositions} * m.n_blocks;
  if (m.chosen > 0)
    positions = positions * kBoundShare + double{PHI_PAGE_TOKENS} * (kFirstPages + m.chosen + kNewestPages);
  return queries(m) * shape_.n_kv_heads * (kNanosPerQuery + kNanosPerChannel * positions * shape_.head_dim);
}

// Members go together into a task until it is long enough, and longer if they share pages: its heads can
// still be shared out.
void Attention::make_tasks(unsigned workers) {
  tasks_.clear(), merges_.clear();
  double total = 0;
  for (const Member& m : members_) total += nanos(m);
  const double target = workers == 1 ? total : std::max(total / (workers * kTasksPerWorker), kTaskNanos);
  const uint32_t all_heads = shape_.n_kv_heads;
  for (uint32_t first = 0, last; first < members_.size(); first = last) {
    uint32_t n_queries = 0;
    double cost = 0;
    for (last = first; last < members_.size(); ++last) {
      const Member& m = members_[last];
      const double most = m.shared * 2 >= m.n_blocks ? target * all_heads : target;
      const bool alone = m.chosen > 0 || members_[first].chosen > 0;
      if (last > first && (alone || n_queries + queries(m) > most_queries_ || cost + nanos(m) > most)) break;
      n_queries += queries(m);
      cost += nanos(m);
    }
    auto tasks = static_cast<uint32_t>(std::ceil(cost / target));
    if (members_[first].chosen > 0) tasks = std::min(tasks, workers);  // a page's bounds lie head beside head
    const uint32_t heads = std::clamp(kTaskStates / n_queries, 1u, all_heads);  // that fit a task
    if (last == first + 1 && tasks > 1 && members_[first].chosen == 0) {
      split(first, tasks, heads);
      continue;
    }
    const uint32_t step = std::clamp(all_heads / std::max(tasks, 1u), 1u, heads);
    for (uint32_t head = 0; head < all_heads; head += step)
      tasks_.push_back({first, last, head, std::min(head + step, all_heads)});
  }
  size_t partial_queries = 0;
  for (Merge& m : merges_) {
    m.first_query = partial_queries;
    partial_queries += size_t{m.sections} * all_heads * queries(members_[m.member]);
  }
  partials_.resize(partial_queries, shape_.head_dim);
  partials_.clear(0, partial_queries);
}

// A member's blocks, by whole sections, and if these do not suffice its heads, into so many tasks.
void Attention::split(uint32_t member, uint32_t tasks, uint32_t heads) {
  const Member& m = members_[member];
  const uint32_t first_section = section(m, 0);
  const uint32_t sections = section(m, m.n_blocks - 1) - first_section + 1;
  const uint32_t parts = std::min(tasks, sections);
  heads = std::clamp(shape_.n_kv_heads * parts / tasks, 1u, heads);
  const auto index = static_cast<uint32_t>(merges_.size());
  if (parts > 1) merges_.push_back({member, 0, first_section, sections});
  for (uint32_t part = 0, block = 0; part < parts; ++part) {
    const uint32_t begin = block, end_section = first_section + sections * (part + 1) / parts;
    while (block < m.n_blocks && section(m, block) < end_section) ++block;
    for (uint32_t head = 0; head < shape_.n_kv_heads; head += heads)
      tasks_.push_back({member, member + 1, head, std::min(head + heads, shape_.n_kv_heads), begin, block,
                        parts > 1 ? index : kNone});
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
  each_task(pool, [&](const Task& task, Worker& w) { work({task, n_queries(task), layer, q, out, w}); });
  for (const Merge& m : merges_)
    for (uint32_t head = 0; head < shape_.n_kv_heads; ++head) merge(m, head, out, workers_[0]);
}

uint32_t Attention::n_queries(const Task& task) const {
  uint32_t n = 0;
  for (uint32_t m = task.first; m < task.last; ++m) n += queries(members_[m]);
  return n;
}

void Attention::work(const Job& job) {
  const Task& task = job.task;
  gather(job);
  job.w.total.clear(0, job.at(task.last_head, 0));
  if (members_[task.first].chosen > 0) {
    bound_choice(job);
    for (uint32_t head = task.first_head; head < task.last_head; ++head) attend_chosen(job, head);
    return;
  }
  attend(job,
         {.first = task.first,
          .last = task.last,
          .query = 0,
          .n_queries = job.n_queries,
          .block = task.first_block},
         {});
}

// The queries, scaled.
void Attention::gather(const Job& job) const {
  const size_t dim = shape_.head_dim;
  uint32_t query = 0;
  for (uint32_t i = job.task.first; i < job.task.last; ++i) {
    const Member& m = members_[i];
    for (uint32_t r = m.first_row; r < m.first_row + m.n_rows; ++r, query += group_) {
      std::fill_n(job.w.last.data() + query, group_, rows_[r].position);
      std::fill_n(job.w.first.data() + query, group_, first_seen(rows_[r]));
      for (uint32_t head = job.task.first_head; head < job.task.last_head; ++head) {
        const float* from = job.q.row(r) + head * group_ * dim;
        const size_t at = job.at(head, query) * dim;
        float* to = job.w.q.data() + at;
        for (size_t d = 0; d < group_ * dim; ++d) to[d] = from[d] * scale_;
        if (!m.rotated) continue;
        const float* matrix = shape_.rotation(&KvRotations::queries, job.layer, head);
        for (size_t g = 0; g < group_; ++g)
          kernels_.rotate(to + g * dim, matrix, dim, job.w.rotated.data() + at + g * dim);
      }
    }
  }
}

// Along the blocks that the members have in common, then along each branch. `after` is what comes when the
// path ends.
void Attention::attend(const Job& job, Path path, std::span<const KvSpan> after) {
  const auto branch_end = [&](uint32_t m) {
    ++m;
    while (m < path.last && members_[m].shared > path.block) ++m;
    return m;
  };
  for (; branch_end(path.first) == path.last; ++path.block) {
    const Member& m = members_[path.first];
    if (path.block >= std::min(m.n_blocks, job.task.last_block)) break;
    if (section(m, path.block) != path.section) begin_section(job, path);
    const std::span<const KvSpan> next = pages(m, path.block + 1);
    attend_block(job, path, next.empty() ? after : next);
  }
  if (path.last - path.first == 1) {
    end_section(job, path);
    for (uint32_t head = job.task.first_head; job.task.merge == kNone && head < job.task.last_head; ++head)
      finish(members_[path.first], head, job.w.total.at(job.at(head, path.query)), job.out);
    return;
  }
  Path branch = path;
  for (; branch.first < path.last; branch.first = branch.last, branch.query += branch.n_queries) {
    branch.last = branch_end(branch.first);
    branch.n_queries = 0;
    for (uint32_t m = branch.first; m < branch.last; ++m) branch.n_queries += queries(members_[m]);
    attend(job, branch, branch.last < path.last ? pages(members_[branch.last], path.block) : after);
  }
}

// Head after head: what they read lies side by side.
void Attention::attend_block(const Job& job, const Path& path, std::span<const KvSpan> next) {
  const size_t dim = shape_.head_dim;
  Worker& w = job.w;
  const std::span<const KvSpan> block = pages(members_[path.first], path.block);
  for (uint32_t head = job.task.first_head; head < job.task.last_head; ++head) {
    const uint32_t at = job.at(head, path.query);
    kernels_.attend({path.n_queries, w.q.data() + at * dim, w.rotated.data() + at * dim,
                     w.last.data() + path.query, window_ > 0 ? w.first.data() + path.query : nullptr, cap_},
                    {shape_, job.layer, head, block, next}, w.section.at(at), w.scratch.data());
  }
}

void Attention::begin_section(const Job& job, Path& path) {
  end_section(job, path);
  path.section = section(members_[path.first], path.block);
  for (uint32_t head = job.task.first_head; head < job.task.last_head; ++head)
    job.w.section.clear(job.at(head, path.query), path.n_queries);
}

// The open section's states go to the totals, or to where merge() finds them.
void Attention::end_section(const Job& job, const Path& path) {
  if (path.section == kNone) return;
  const uint32_t n = path.n_queries;
  for (uint32_t head = job.task.first_head; head < job.task.last_head; ++head) {
    const AttentionState from = job.w.section.at(job.at(head, path.query));
    if (job.task.merge == kNone) {
      kernels_.merge(job.w.total.at(job.at(head, path.query)), from, n, shape_.head_dim);
      continue;
    }
    const Merge& m = merges_[job.task.merge];
    const AttentionState to =
        partials_.at(m.first_query + (size_t{path.section - m.first_section} * shape_.n_kv_heads + head) * n);
    std::memcpy(to.peak, from.peak, n * sizeof(float));
    std::memcpy(to.sum, from.sum, n * sizeof(float));
    std::memcpy(to.out, from.out, n * shape_.head_dim * sizeof(float));
  }
}

void Attention::merge(const Merge& m, uint32_t head, const Matrix& out, Worker& w) {
  const Member& member = members_[m.member];
  const size_t n = queries(member);
  w.total.clear(0, n);
  for (uint32_t s = 0; s < m.sections; ++s)
    kernels_.merge(w.total.at(0), partials_.at(m.first_query + (size_t{s} * shape_.n_kv_heads + head) * n), n,
                   shape_.head_dim);
  finish(member, head, w.total.at(0), out);
}

void Attention::finish(const Member& m, uint32_t head, const AttentionState& total, const Matrix& out) const {
  const size_t dim = shape_.head_dim;
  for (uint32_t i = 0; i < queries(m); ++i)
    kernels_.finish(total, i, dim, out.row(m.first_row + i / group_) + (head * group_ + i % group_) * dim);
}

}  // namespace phios
