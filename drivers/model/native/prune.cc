#include "drivers/model/native/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "drivers/model/native/config.h"
#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/observed_text.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/rotations.h"

namespace phios {

namespace {

constexpr std::string_view kLayerPrefix = "blk.";
constexpr size_t kGroupOfFour = 4;

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * double{b[i]};
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
  }
  return ab / std::sqrt(std::max(aa * bb, 1e-300));
}

// "blk.7.attn_q.weight" → 7
std::optional<uint32_t> layer_of(std::string_view name) {
  if (!name.starts_with(kLayerPrefix)) return std::nullopt;
  name.remove_prefix(kLayerPrefix.size());
  uint32_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return layer;
}

bool is_pruned(const GgufTensor& t) {
  return t.n_dims == 2 && t.shape[1] > 1 && layer_of(t.name).has_value();
}

// Types with minima have no code for zero.
bool keeps_zeros(GgmlType type) {
  return type != GgmlType::kQ4_1 && type != GgmlType::kQ5_1 && type != GgmlType::kQ4_K &&
         type != GgmlType::kQ5_K;
}

// The n weights of `order`'s range with the least scores become zero.
void clear_least(std::span<uint32_t> order, size_t n, std::span<const float> scores,
                 std::span<float> weights) {
  const auto less = [&](uint32_t a, uint32_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a < b;
  };
  std::ranges::nth_element(order, order.begin() + static_cast<ptrdiff_t>(std::min(n, order.size())), less);
  for (const uint32_t i : order.first(std::min(n, order.size()))) weights[i] = 0;
}

class Pruner {
 public:
  Pruner(PruneScope scope, double share, const Calibration* calibration)
      : scope_(scope), share_(share), calibration_(calibration) {}

  // [rows][n_in]
  Status prune(const std::string& name, std::span<float> weights, size_t n_in) {
    TRY(find_norms(name, n_in));
    const size_t group = scope_ == PruneScope::kRow         ? n_in
                         : scope_ == PruneScope::kTwoOfFour ? kGroupOfFour
                                                            : 0;
    if (group == 0) return clear(weights, n_in, 0, weights.size());
    if (n_in % group != 0)
      return fail(ErrorCode::EINVAL_, fmt::format("{}: rows of {} are not whole groups of four", name, n_in));
    for (size_t at = 0; at < weights.size(); at += group) TRY(clear(weights, n_in, at, group));
    return {};
  }

 private:
  Status find_norms(const std::string& name, size_t n_in) {
    norms_ = nullptr;
    if (!calibration_) return {};
    const auto found = calibration_->input_norms.find(name);
    if (found == calibration_->input_norms.end() || found->second.size() != n_in)
      return fail(ErrorCode::EINVAL_, name + ": the calibration does not know its inputs");
    norms_ = &found->second;
    return {};
  }

  // The least of weights [first, first + n).
  Status clear(std::span<float> weights, size_t n_in, size_t first, size_t n) {
    const std::span part = weights.subspan(first, n);
    scores_.resize(n);
    order_.resize(n);
    for (size_t i = 0; i < n; ++i)
      scores_[i] = std::fabs(part[i]) * (norms_ ? (*norms_)[(first + i) % n_in] : 1.0f);
    std::iota(order_.begin(), order_.end(), 0u);
    const size_t zeros = scope_ == PruneScope::kTwoOfFour
                             ? kGroupOfFour / 2
                             : static_cast<size_t>(std::llround(share_ * static_cast<double>(n)));
    clear_least(order_, zeros, scores_, part);
    return {};
  }

  PruneScope scope_;
  double share_;
  const Calibration* calibration_;
  const std::vector<float>* norms_ = nullptr;
  std::vector<float> scores_;
  std::vector<uint32_t> order_;
};

using Input = PassObserver::Input;

// "blk.7.attn_q.weight" → what its rows are multiplied with.
std::optional<Input> input_of(std::string_view tensor) {
  static constexpr std::pair<std::string_view, Input> kInputs[] = {
      {".attn_q.weight", Input::kQueriesKeysValues},
      {".attn_k.weight", Input::kQueriesKeysValues},
      {".attn_v.weight", Input::kQueriesKeysValues},
      {".attn_qkv.weight", Input::kQueriesKeysValues},
      {".attn_output.weight", Input::kOutput},
      {".ffn_gate.weight", Input::kGateUp},
      {".ffn_up.weight", Input::kGateUp},
      {".ffn_down.weight", Input::kDown},
  };
  for (const auto& [suffix, input] : kInputs)
    if (tensor.ends_with(suffix)) return input;
  return std::nullopt;
}

// Sums up what Calibration holds.
class InputObserver final : public PassObserver {
 public:
  explicit InputObserver(uint32_t n_layers) : squares_(n_layers), influence_(n_layers) {}

  void on_input(uint32_t layer, Input of, const Rows& x) override {
    std::vector<float>& squares = squares_[layer][static_cast<size_t>(of)];
    squares.resize(x.width);
    for (size_t r = 0; r < x.n; ++r)
      for (size_t i = 0; i < x.width; ++i) squares[i] += x.row(r)[i] * x.row(r)[i];
  }

  void on_state(uint32_t layer, const Rows& x) override {
    for (size_t r = 0; r < x.n && layer > 0; ++r)
      influence_[layer - 1] += 1 - cosine(std::span(before_).subspan(r * x.width, x.width), x.row(r));
    before_.clear();
    for (size_t r = 0; r < x.n; ++r) before_.insert(before_.end(), x.row(r).begin(), x.row(r).end());
  }

  Calibration result(const Gguf& file, size_t tokens) const {
    Calibration out{.input_norms = {}, .influence = influence_};
    for (double& i : out.influence) i /= static_cast<double>(std::max<size_t>(tokens, 1));
    for (const GgufTensor& t : file.tensors()) {
      const auto layer = layer_of(t.name);
      const auto input = input_of(t.name);
      if (!layer || *layer >= squares_.size() || !input) continue;
      std::vector<float>& norms = out.input_norms[std::string(t.name)];
      norms = squares_[*layer][static_cast<size_t>(*input)];
      for (float& n : norms) n = std::sqrt(n);
    }
    return out;
  }

 private:
  std::vector<std::array<std::vector<float>, 4>> squares_;  // [layer][input][channel]
  std::vector<double> influence_;
  std::vector<float> before_;  // [row][n_embd], what entered the layer at hand
};

std::vector<uint64_t> shape_of(const GgufTensor& t) { return {t.shape.begin(), t.shape.begin() + t.n_dims}; }

}  // namespace

Result<Calibration> calibrate(const Gguf& file, std::span<const Token> tokens,
                              const std::function<void(size_t tokens)>& done) {
  InputObserver observer(TRY(read_config(file)).n_layers);
  TRY(observe_text(file, tokens, observer, done));
  return observer.result(file, tokens.size());
}

Result<std::vector<std::byte>> prune_weights(const Gguf& file, PruneScope scope, double share,
                                             const Calibration* calibration) {
  GgufWriter writer;
  writer.copy_metadata(file);
  Pruner pruner(scope, share, calibration);
  std::vector<float> values;
  for (const GgufTensor& t : file.tensors()) {
    if (!is_pruned(t)) {
      writer.tensor(t.name, t.type, shape_of(t), t.data);
      continue;
    }
    if (!keeps_zeros(t.type))
      return fail(ErrorCode::ENOSYS_,
                  fmt::format("{}: the tensor {} is {}, which has no zero; prune before quantizing",
                              file.name(), t.name, ggml_type_info(static_cast<uint32_t>(t.type))->name));
    if (t.elements > UINT32_MAX)
      return fail(ErrorCode::ENOSYS_, fmt::format("{}: the tensor {} is too large", file.name(), t.name));
    values.resize(t.elements);
    dequantize(t.type, t.data, values);
    TRY(pruner.prune(std::string(t.name), values, t.shape[0]));
    writer.tensor(t.name, t.type, shape_of(t), quantize(t.type, values));
  }
  return writer.finish();
}

std::vector<uint32_t> least_influential(const Calibration& calibration, uint32_t n) {
  std::vector<uint32_t> order(calibration.influence.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](uint32_t i) { return calibration.influence[i]; });
  order.resize(std::min<size_t>(n, order.size()));
  std::ranges::sort(order);
  return order;
}

Result<std::vector<std::byte>> drop_layers(const Gguf& file, std::span<const uint32_t> layers) {
  const ModelConfig config = TRY(read_config(file));
  if (config.window > 0 && config.local_period > 1)
    return fail(ErrorCode::EINVAL_,
                file.name() + ": windows alternate by a layer's number; none can be left out");
  if (layers.empty() || layers.size() >= config.n_layers || layers.back() >= config.n_layers)
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: {} layers to leave out of {}", file.name(), layers.size(), config.n_layers));
  const std::string count = config.architecture + ".block_count";
  std::vector<std::string> without = rotation_keys();  // other layers have other moments
  without.push_back(count);
  GgufWriter writer;
  writer.copy_metadata(file, without);
  writer.uint32(count, config.n_layers - static_cast<uint32_t>(layers.size()));
  for (const GgufTensor& t : file.tensors()) {
    std::string name(t.name);
    if (const auto layer = layer_of(t.name)) {
      if (std::ranges::binary_search(layers, *layer)) continue;
      const auto before = std::ranges::lower_bound(layers, *layer) - layers.begin();
      name = fmt::format("blk.{}{}", *layer - before, name.substr(name.find('.', kLayerPrefix.size())));
    }
    writer.tensor(name, t.type, shape_of(t), t.data);
  }
  return writer.finish();
}

}  // namespace phios
