// What the engine's tests share: contexts with frames of their own, and a tail that keeps what it is told.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "drivers/model/native/native_model.h"
#include "drivers/model/native/random_model.h"

namespace phios::testing_support {

struct FreeDeleter {
  void operator()(std::byte* p) const { std::free(p); }
};

// One context: tokens computed so far, and frames, which are filled with NaN at first.
class Sequence {
 public:
  Sequence(KvShape shape, uint64_t id) : shape_(shape), id_(id) {}

  // The next chunk as an item of a pass.
  PassItem append(std::span<const Token> tokens) {
    const uint32_t first = positions_;
    positions_ += static_cast<uint32_t>(tokens.size());
    while (frames_.size() * PHI_PAGE_TOKENS < positions_) add_frame();
    tokens_.assign(tokens.begin(), tokens.end());
    view();
    return {.sequence = id_, .tokens = tokens_, .first_pos = first, .kv = spans_};
  }

  // Forgets the page that starts at `position` (a hole).
  void drop_page(uint32_t position) { dropped_.insert(position / PHI_PAGE_TOKENS); }

 private:
  void add_frame() {
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, (shape_.frame_bytes() + 63) / 64 * 64));
    auto* halves = reinterpret_cast<uint16_t*>(memory);
    std::fill_n(halves, shape_.frame_bytes() / sizeof(uint16_t), uint16_t{0x7e00});
    frames_.emplace_back(memory);
  }
  void view() {
    spans_.clear();
    for (uint32_t page = 0; page < frames_.size(); ++page) {
      if (dropped_.contains(page)) continue;
      const uint32_t first = page * PHI_PAGE_TOKENS;
      spans_.push_back({.frame = frames_[page].get(),
                        .tier = KvTier::kF16,
                        .first_pos = first,
                        .n = std::min<uint32_t>(PHI_PAGE_TOKENS, positions_ - first)});
    }
  }

  KvShape shape_;
  uint64_t id_;
  uint32_t positions_ = 0;
  std::vector<Token> tokens_;
  std::vector<std::unique_ptr<std::byte, FreeDeleter>> frames_;
  std::vector<KvSpan> spans_;
  std::set<uint32_t> dropped_;
};

// Everything that a pass told: for each item, rows of logits in order.
class Collector final : public PassTail {
 public:
  struct Row {
    uint32_t position;
    std::vector<float> logits;
    std::thread::id thread;
  };
  void on_logits(size_t index, uint32_t position, std::span<float> logits) noexcept override {
    const std::lock_guard lock(mutex_);
    if (rows.size() <= index) rows.resize(index + 1);
    rows[index].push_back({position, {logits.begin(), logits.end()}, std::this_thread::get_id()});
    logits[0] = 1e9f;  // the callee may change them
  }
  std::vector<std::vector<Row>> rows;

 private:
  std::mutex mutex_;
};

// Logits of the last position after one chunk.
inline std::vector<float> run_chunk(Model& model, Sequence& sequence, std::span<const Token> tokens) {
  Collector tail;
  const PassItem item = sequence.append(tokens);
  const Status status = model.forward({&item, 1}, tail);
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
  return tail.rows.empty() || tail.rows[0].empty() ? std::vector<float>() : tail.rows[0][0].logits;
}

inline std::vector<Token> some_tokens(size_t n, uint32_t seed) {
  std::vector<Token> out(n);
  for (size_t i = 0; i < n; ++i)
    out[i] = static_cast<Token>((seed * 7919u + i * 104729u + i * i * 31u) % 260u);
  return out;
}

// The largest difference, relative to the largest entry.
inline double relative_error(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size() || a.empty()) return 1e9;
  double peak = 0, error = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i]) < 1e30f)) return 1e9;
    peak = std::max(peak, std::abs(static_cast<double>(b[i])));
    error = std::max(error, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return error / peak;
}

// Matrices that mix all channels and undo each other: for each head a Householder reflection, its columns of
// two lengths.
inline KvRotations some_rotations(const KvShape& shape) {
  KvRotations out;
  std::mt19937 random(shape.head_dim);
  std::normal_distribution<float> normal;
  const size_t dim = shape.head_dim;
  for (uint32_t head = 0; head < shape.n_layers * shape.n_kv_heads; ++head) {
    std::vector<float> v(dim);
    float squares = 0;
    for (float& x : v) x = normal(random), squares += x * x;
    for (size_t i = 0; i < dim; ++i)
      for (size_t j = 0; j < dim; ++j) {
        const float reflection = (i == j ? 1.0f : 0.0f) - 2 * v[i] * v[j] / squares;
        out.keys.push_back(reflection * (j % 2 == 0 ? 2.0f : 0.5f));
        out.queries.push_back(reflection / (j % 2 == 0 ? 2.0f : 0.5f));
        out.values.push_back(reflection * (j % 2 == 0 ? 2.0f : 0.5f));
        out.outputs.push_back(reflection / (i % 2 == 0 ? 2.0f : 0.5f));
      }
  }
  return out;
}

inline std::unique_ptr<Model> open_random(const RandomModelOptions& options,
                                          const NativeOptions& native = {}) {
  auto model = open_native_model(make_random_model(options), options.name, native);
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  return model ? std::move(*model) : nullptr;
}

}  // namespace phios::testing_support
