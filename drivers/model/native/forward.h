// Forward: one forward pass over a ragged batch, prefill chunks and single tokens of many sequences together.
//
// Ownership: borrows the weights, the kernels and the workers, owns its buffers. Threads: run() by one
// thread at a time; it fans out to the workers and joins them. Units: rows, one for each position of the
// batch. A row's result depends on its own sequence alone, bit for bit. Errors: none: the caller has checked
// the items.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "drivers/api/model.h"
#include "drivers/model/native/attention.h"
#include "drivers/model/native/attention_mass.h"
#include "drivers/model/native/int8_product.h"
#include "drivers/model/native/kernels.h"
#include "drivers/model/native/pass_observer.h"
#include "drivers/model/native/weights.h"
#include "drivers/model/native/worker_pool.h"

namespace phios {

class Forward {
 public:
  // ELIMIT_ when there is no memory for the buffers of max_rows rows.
  static Result<std::unique_ptr<Forward>> create(const Weights& weights, const Kernels& kernels,
                                                 WorkerPool& pool, uint32_t max_rows);

  void run(std::span<const PassItem> items, PassTail& tail);
  // From the next pass on; it outlives this, or null.
  void observe(PassObserver* observer) { observer_ = observer; }

  uint32_t max_rows() const { return max_rows_; }

 private:
  using Buffer = Attention::Matrix;  // 64-byte aligned
  struct Row {
    uint32_t item = 0;
    uint32_t offset = 0;  // within the item
    uint32_t position = 0;
    std::array<const float*, 2> turn{};  // without and with a window
  };
  // One matrix applied to rows of activations.
  struct Product {
    const PackedMatrix* w;
    ProductRows rows;
  };

  // The angles of one rope: of the first positions, and of the rows of a pass that lie beyond them.
  struct Angles {
    const Rope* rope;
    std::vector<float> near, far;
  };

  Forward(const Weights& weights, const Kernels& kernels, WorkerPool& pool, uint32_t max_rows);
  Status make_buffers();
  Buffer make_buffer(size_t rows, size_t width);
  void layer(uint32_t index);
  void read_chosen(uint32_t layer);
  void gather_rows();
  void make_angles(bool local);
  const float* find_angles(Angles& angles, uint32_t position) const;
  void norm_heads(float* heads, uint32_t n, const float* weight) const;
  void turn_and_store(uint32_t layer, size_t row);
  Attention& attention_of(uint32_t layer) { return c_.local(layer) ? *local_attention_ : attention_; }
  AttentionRule rule(bool local) const;
  void plan_attention();
  void keep_wanted_rows();
  void norm_rows(const float* weight);
  void add_product(const PackedMatrix& w, const Buffer& in, const float* bias, const float* post_norm);
  void multiply(std::span<const Product> products);
  void quantize(const ProductRows& rows, size_t n_in);
  void multiply_tile(const Product& p, size_t first, size_t last, size_t row, size_t n_rows, unsigned worker);
  void feed_forward(uint32_t layer);
  void finish(PassTail& tail);
  void finish_hidden(PassTail& tail);
  void tell_logits(PassTail& tail, size_t first, size_t n);
  ProductRows rows_of(const Buffer& in, const Buffer& out) const;
  PassObserver::Rows seen(const Buffer& rows, size_t width) const {
    return {rows.data, rows.stride, rows_.size(), width};
  }
  template <class F>
  void share(size_t n, size_t cost, F&& f);
  template <class F>
  void each_row(size_t cost, F&& f) {
    share(rows_.size(), cost, f);
  }

  const Weights& weights_;
  const ModelConfig& c_;
  const Kernels& kernels_;
  WorkerPool& pool_;
  Attention attention_;
  std::optional<Attention> local_attention_;  // of layers with a window
  AttentionMass mass_;
  bool wants_mass_ = false;      // somebody in the pass that is running
  std::vector<uint8_t> wanted_;  // [page of a context] by an item whose stream chooses
  uint32_t max_rows_;
  bool fetches_;      // products fetch weights ahead: the caches do not hold them
  bool past_caches_;  // as Int8Rows has it
  Arena arena_;
  Buffer x_, h_, q_, k_, v_, att_, gate_, up_, logits_;
  size_t logit_rows_ = 0;             // that logits_ holds at once
  ActivationBlock* bytes_ = nullptr;  // a product's inputs, when its weights are integers
  size_t bytes_stride_ = 0;           // blocks
  std::byte* unpacked_ = nullptr;     // one worker's unpacked weights after the other's
  std::vector<Angles> angles_;        // of layers without a window, and with one if that differs
  uint32_t near_positions_ = 0;
  PassObserver* observer_ = nullptr;

  // Of the pass that is running.
  std::span<const PassItem> items_;
  std::vector<Row> rows_;
  bool wide_ = false;  // shared among the workers
};

}  // namespace phios
