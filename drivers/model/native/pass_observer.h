// PassObserver: told of what a pass computes on the way, for whoever studies a model by it (calibrate.h,
// prune.h).
//
// Ownership: the rows are the pass's, valid during the call. Threads: called by the thread that runs the
// pass, in the order of the layers. Units: rows of floats, one for each position of the pass. Errors: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace phios {

class PassObserver {
 public:
  struct Rows {  // [n][width]
    const float* data;
    size_t stride, n, width;
    std::span<const float> row(size_t r) const { return {data + r * stride, width}; }
  };
  // The matrices whose inputs are the same.
  enum class Input : uint8_t { kQueriesKeysValues, kOutput, kGateUp, kDown };

  virtual ~PassObserver() = default;
  // What enters the layer; for the number of layers: what leaves the last one.
  virtual void on_state(uint32_t layer, const Rows& x);
  virtual void on_input(uint32_t layer, Input of, const Rows& x);
  // [n][heads][head_dim], queries and keys normed and turned by RoPE.
  virtual void on_heads(uint32_t layer, const Rows& q, const Rows& k, const Rows& v);
};

inline void PassObserver::on_state(uint32_t, const Rows&) {}
inline void PassObserver::on_input(uint32_t, Input, const Rows&) {}
inline void PassObserver::on_heads(uint32_t, const Rows&, const Rows&, const Rows&) {}

}  // namespace phios
