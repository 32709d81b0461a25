// AttentionMass: how much of their attention a pass's rows give to each page of their sequences, for policies
// that go by it (H2O, arXiv 2306.14048; SnapKV, arXiv 2404.14469; ShotKV, arXiv 2502.01941). The scores are
// computed once more, page by page, in every kLayerStep-th layer, counted from the last.
//
// Ownership: owns its scratch memory. Threads: one at a time; add() fans out to the workers of the pool.
// Units: a row gives 1 in all, a kv head and layer their share of it. Errors: none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/attention.h"

namespace phios {

class AttentionMass {
 public:
  static constexpr uint32_t kLayerStep = 4;

  AttentionMass(const AttentionKernels& kernels, KvShape shape, uint32_t n_heads, uint32_t n_layers,
                unsigned workers);

  bool looks_at(uint32_t layer) const { return (n_layers_ - 1 - layer) % kLayerStep == 0; }
  // q: the rows of all items side by side, [row][n_heads][head_dim], turned by RoPE; the pages hold the
  // layer's keys of this pass too. `pool` has begun, or null: this thread alone.
  void add(uint32_t layer, std::span<const PassItem> items, const Attention::Matrix& q,
           const AttentionRule& rule, WorkerPool* pool);

 private:
  static constexpr uint32_t kRowsAtOnce = 16;

  struct Task {
    uint32_t item, first_row, kv_head;
    size_t first_page;  // of its own in masses_
  };
  struct Worker {
    LineFloats q, rotated, scratch, out;
    std::vector<uint32_t> last, first;
    std::vector<float> peak, sum;  // [page][query]
  };
  // Rows [from, from + n) of a task's item.
  struct Slice {
    uint32_t from, n;
  };

  void work(const Task& task, uint32_t layer, const PassItem& item, const Attention::Matrix& q,
            const AttentionRule& rule, Worker& w);
  AttentionQueries gather(const Task& task, uint32_t layer, const Slice& slice, const PassItem& item,
                          const Attention::Matrix& q, const AttentionRule& rule, Worker& w) const;
  void share_out(const Task& task, const Slice& slice, uint32_t n_rows, size_t n_pages, const Worker& w);

  const AttentionKernels& kernels_;
  KvShape shape_;
  uint32_t group_, n_layers_;
  std::vector<Worker> workers_;
  std::vector<Task> tasks_;
  std::vector<PageMass> masses_;  // [task][page], added to the items' when all is done
};

}  // namespace phios
