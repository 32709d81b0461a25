// Attention: one layer's attention of all rows of a pass, over the pages of their sequences.
//
// Rows that share pages (a chunk of one sequence, sequences with a common prefix) read them once. Long
// contexts are shared out among the workers by sections. None of this changes a bit of any row's result (see
// attention_kernels.h).
//
// Ownership: owns its plan and scratch memory, borrows the items of the pass from begin() to the last run().
// Threads: one at a time; run() fans out to the workers of the pool, store() may be called by several for
// different rows. Order of calls: for each pass begin(), add_row() for every row, plan(), then for each layer
// store() for every row, complete(), run(); begin() again when rows are left out. Units: rows as they were
// added. Errors: none: the caller has checked the items.
#pragma once

#include <boost/align/aligned_allocator.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/attention_kernels.h"
#include "drivers/model/native/worker_pool.h"

namespace phios {

// They begin at a cache line: a vector across two of them costs two accesses.
using LineFloats = std::vector<float, boost::alignment::aligned_allocator<float, KvShape::kAlignment>>;

// What a layer's attention is beside its shape.
struct AttentionRule {
  float scale = 0;      // of the scores; 0: 1 / √head_dim
  float cap = 0;        // scores become cap × tanh(score / cap) (Gemma 2, arXiv 2408.00118); 0: they stay
  uint32_t window = 0;  // a position sees so many, itself included (arXiv 2310.06825); 0: all before it
};

class Attention {
 public:
  // Pages that are attended to in any case when a row chooses among its pages.
  static constexpr uint32_t kFirstPages = 4;
  static constexpr uint32_t kNewestPages = 16;

  // Rows of floats at a fixed stride.
  struct Matrix {
    float* data = nullptr;
    size_t stride = 0;
    float* row(size_t r) const { return data + r * stride; }
  };

  Attention(const AttentionKernels& kernels, KvShape shape, uint32_t n_heads, unsigned workers,
            const AttentionRule& rule = {});

  // The rows of an item are added side by side, in the order of their positions.
  void begin(std::span<const PassItem> items);
  void add_row(uint32_t item, uint32_t position);
  // `workers` take part in run(): 1, or those of the pool.
  void plan(unsigned workers);

  // Writes a row's keys and values [n_kv_heads][head_dim], turned by RoPE, into its page.
  void store(uint32_t layer, size_t row, const Kernels& kernels, const float* k, const float* v) const;
  // After store() of all rows: sums up the keys of the pages that this pass has filled.
  void complete(uint32_t layer, WorkerPool& pool);
  // Which pages of an item the layer's run() will read: wanted[position / PHI_PAGE_TOKENS] becomes 1. q as in
  // run().
  void find_wanted(uint32_t layer, const Matrix& q, uint32_t item, std::vector<uint8_t>& wanted,
                   WorkerPool& pool);
  // q: [row][n_heads][head_dim], turned by RoPE; out: the same shape. `pool` has begun if plan() was told of
  // more than one worker.
  void run(uint32_t layer, const Matrix& q, const Matrix& out, WorkerPool& pool);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Row {
    uint32_t item;
    uint32_t position;
  };
  struct Block {
    uint32_t first, n;  // of the item's pages
    uint32_t section;
  };
  // Rows of one item that stand side by side.
  struct Member {
    uint32_t item;
    uint32_t first_row, n_rows;
    uint32_t first_block = 0, n_blocks = 0;  // in blocks_; those that the last row sees
    uint32_t shared = 0;                     // leading blocks that are also those of the member before
    bool rotated = false;                    // some page holds rotated heads
    uint32_t chosen = 0;                     // pages that each head chooses; 0: it sees all
  };
  // Members [first, last), heads [first_head, last_head), of all blocks or of [first_block, last_block).
  struct Task {
    uint32_t first, last;
    uint32_t first_head, last_head;
    uint32_t first_block = 0, last_block = kNone;
    uint32_t merge = kNone;  // where the states of the sections go; none: the task writes the result
  };
  // A member whose sections several tasks attend to.
  struct Merge {
    uint32_t member;
    size_t first_query;  // in partials_: [section][head][query]
    uint32_t first_section, sections;
  };
  // States of queries, in one piece of memory.
  class States {
   public:
    void resize(size_t queries, size_t head_dim);
    AttentionState at(size_t query);
    void clear(size_t query, size_t n);

   private:
    LineFloats memory_;  // [queries][head_dim], then the peaks and the sums
    size_t queries_ = 0, dim_ = 0;
  };
  struct Worker {
    LineFloats q, rotated, scratch, bound_scratch;
    std::vector<uint32_t> last, first;
    States total, section;
    std::vector<float> bounds;   // [head][page] of the choice
    std::vector<int32_t> ranks;  // that order them
    std::vector<KvSpan> pages;
  };
  // A task at work. Its queries lie [head][query].
  struct Job {
    const Task& task;
    uint32_t n_queries;  // of one head
    uint32_t layer;
    const Matrix &q, &out;
    Worker& w;
    uint32_t at(uint32_t head, uint32_t query) const { return (head - task.first_head) * n_queries + query; }
  };
  // Members [first, last) that have the same blocks so far, their queries, and where they stand.
  struct Path {
    uint32_t first, last;
    uint32_t query, n_queries;
    uint32_t block;
    uint32_t section = kNone;  // whose state is open
  };

  void find_blocks(uint32_t item, uint32_t first_pos, uint32_t last_pos);
  uint32_t first_seen(const Row& row) const;
  void make_members();
  void count_shared();
  bool same_block(const Member& a, const Member& b, uint32_t block) const;
  void make_tasks(unsigned workers);
  void split(uint32_t member, uint32_t parts, uint32_t heads);
  double nanos(const Member& m) const;
  std::span<const KvSpan> pages(const Member& m, uint32_t block) const;
  uint32_t section(const Member& m, uint32_t block) const { return blocks_[m.first_block + block].section; }
  uint32_t n_queries(const Task& task) const;
  uint32_t queries(const Member& m) const { return m.n_rows * group_; }
  const KvSpan& page_of(const Row& row) const;
  void summarise(uint32_t layer, uint32_t head, const KvSpan& span) const;

  template <class F>
  void each_task(WorkerPool& pool, F&& f) {  // f(task, worker)
    const auto n = static_cast<uint32_t>(tasks_.size());
    if (planned_workers_ > 1 && n > 1)
      return pool.run(n, [&](uint32_t i, unsigned worker) { f(tasks_[i], workers_[worker]); });
    for (const Task& task : tasks_) f(task, workers_[0]);
  }
  void work(const Job& job);
  void gather(const Job& job) const;
  void attend(const Job& job, Path path, std::span<const KvSpan> after);
  void attend_block(const Job& job, const Path& path, std::span<const KvSpan> next);
  void attend_chosen(const Job& job, uint32_t head);
  std::span<const KvSpan> seen_pages(const Job& job) const;
  std::span<const KvSpan> choice(const Job& job) const;
  void bound_choice(const Job& job);
  void choose_pages(const Job& job, uint32_t head);
  template <class Found>
  void find_chosen(const Job& job, Found found);
  void begin_section(const Job& job, Path& path);
  void end_section(const Job& job, const Path& path);
  void merge(const Merge& m, uint32_t head, const Matrix& out, Worker& w);
  void finish(const Member& m, uint32_t head, const AttentionState& total, const Matrix& out) const;

  const AttentionKernels& kernels_;
  const KvShape shape_;
  const uint32_t group_;  // query heads that share a KV head
  const uint32_t most_queries_;
  const float scale_, cap_;  // with log2(e): weights are powers of 2
  const uint32_t window_;
  std::vector<Worker> workers_;

  // Of the pass.
  std::span<const PassItem> items_;
  std::vector<Row> rows_;
  std::vector<Member> members_;
  std::vector<Block> blocks_;
  std::vector<Task> tasks_;
  std::vector<Merge> merges_;
  std::vector<const KvSpan*> filled_;  // pages that chunks fill
  States partials_;
  unsigned planned_workers_ = 1;
};

}  // namespace phios
