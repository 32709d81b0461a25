#include "drivers/model/native/data_parallel.h"

#include <algorithm>

namespace phios {

namespace {

constexpr size_t kShareRows = 16;  // of a share, about; a worker that is late leaves its shares to the others
constexpr size_t kWorkerRowsMin = 8;  // with fewer rows for each worker the weights are what takes time
constexpr size_t kItemRowsMax = kShareRows;

// Tells items by their places in the whole pass.
class ShareTail final : public PassTail {
 public:
  ShareTail(PassTail& tail, size_t first) : tail_(tail), first_(first) {}
  void on_logits(size_t index, uint32_t position, std::span<float> logits) noexcept override {
    tail_.on_logits(first_ + index, position, logits);
  }

 private:
  PassTail& tail_;
  const size_t first_;
};

size_t count_rows(std::span<const PassItem> items) {
  size_t rows = 0;
  for (const PassItem& item : items) rows += item.tokens.size();
  return rows;
}

}  // namespace

Result<std::unique_ptr<DataParallel>> DataParallel::create(const Weights& weights, const Kernels& kernels,
                                                           WorkerPool& pool) {
  std::unique_ptr<DataParallel> all(new DataParallel(pool));
  // Every worker reads all weights: from a cache that is worth less waiting, from memory it is not.
  if (pool.threads() == 1 || weights.bytes() > kCachedWeightBytes) return all;
  for (unsigned i = 0; i < pool.threads(); ++i)
    all->forwards_.push_back(TRY(Forward::create(weights, kernels, all->alone_, kShareRows + kItemRowsMax)));
  return all;
}

bool DataParallel::suits(std::span<const PassItem> items) const {
  if (forwards_.empty() || items.size() < forwards_.size()) return false;
  const auto is_long = [](const PassItem& item) { return item.tokens.size() > kItemRowsMax; };
  return count_rows(items) >= kWorkerRowsMin * forwards_.size() && std::ranges::none_of(items, is_long);
}

// Neighbours stay together, since they may share pages. As many shares for each worker, of as many rows as
// items allow.
void DataParallel::divide(std::span<const PassItem> items) {
  const size_t rows = count_rows(items), workers = forwards_.size();
  const size_t shares = workers * ((rows + workers * kShareRows - 1) / (workers * kShareRows));
  shares_.clear();
  for (size_t first = 0, done = 0, last; first < items.size(); first = last) {
    const size_t until = rows * (shares_.size() + 1) / shares, from = done;
    for (last = first; last < items.size() && (last == first || done < until); ++last) {
      const size_t more = items[last].tokens.size();
      if (done - from + more > kShareRows + kItemRowsMax) break;
      done += more;
    }
    shares_.push_back({first, last - first});
  }
}

void DataParallel::run(std::span<const PassItem> items, PassTail& tail) {
  divide(items);
  pool_.begin();
  pool_.run(static_cast<uint32_t>(shares_.size()), [&](uint32_t i, unsigned worker) {
    ShareTail share(tail, shares_[i].first);
    forwards_[worker]->run(items.subspan(shares_[i].first, shares_[i].n), share);
  });
  pool_.end();
}

}  // namespace phios
