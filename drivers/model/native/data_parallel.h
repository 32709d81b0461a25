// DataParallel: a pass of many short items over a model whose weights the caches hold. Each worker takes some
// of the items through all layers by itself, so that workers wait for each other once a pass, not once a
// product.
//
// Ownership: borrows weights, kernels and pool; owns one single-threaded Forward for each worker. Threads,
// units: as Forward. Errors: ELIMIT_ when there is no memory for the buffers. Results are Forward's, bit for
// bit.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "drivers/model/native/forward.h"

namespace phios {

class DataParallel {
 public:
  static Result<std::unique_ptr<DataParallel>> create(const Weights& weights, const Kernels& kernels,
                                                      WorkerPool& pool);

  // Is this pass faster here than by Forward, which shares out each product?
  bool suits(std::span<const PassItem> items) const;
  // Only passes that suit.
  void run(std::span<const PassItem> items, PassTail& tail);

 private:
  struct Share {
    size_t first, n;  // items
  };

  explicit DataParallel(WorkerPool& pool) : pool_(pool) {}
  void divide(std::span<const PassItem> items);

  WorkerPool& pool_;
  WorkerPool alone_{1};
  std::vector<std::unique_ptr<Forward>> forwards_;  // one for each worker; none: the weights are too large
  std::vector<Share> shares_;
};

}  // namespace phios
