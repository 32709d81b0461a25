#include "drivers/model/native/calibrate.h"

#include <cblas.h>
#include <fmt/format.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "drivers/model/native/attention.h"
#include "drivers/model/native/blas.h"
#include "drivers/model/native/config.h"
#include "drivers/model/native/observed_text.h"
#include "drivers/model/native/quant.h"
#include "mm/codec.h"

namespace phios {

namespace {

constexpr size_t kFirstPositions = size_t{Attention::kFirstPages} * PHI_PAGE_TOKENS;  // stay in f16
constexpr double kRidge = 0.01;  // of a moment's mean, added to its diagonal: directions that no token took
constexpr double kLeast = 1e-20;

// Of one KV head, over the windows so far; each [head_dim][head_dim].
struct HeadMoments {
  explicit HeadMoments(size_t dim) : keys(dim * dim), queries(dim * dim), values(dim * dim) {}
  std::vector<float> keys, queries, values;
};

// Behind the first positions, which stay in f16, of every window.
class MomentObserver final : public PassObserver {
 public:
  explicit MomentObserver(const ModelConfig& config)
      : c_(config),
        dim_(config.head_dim),
        heads_(size_t{config.n_layers} * config.n_kv_heads, HeadMoments(config.head_dim)) {}

  void on_heads(uint32_t layer, const Rows& q, const Rows& k, const Rows& v) override {
    if (q.n <= kFirstPositions) return;
    const uint32_t group = c_.n_heads / c_.n_kv_heads;
    for (uint32_t kv_head = 0; kv_head < c_.n_kv_heads; ++kv_head) {
      HeadMoments& h = heads_[layer * c_.n_kv_heads + kv_head];
      shares_.assign(q.n, 0);
      for (uint32_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        add(q.row(kFirstPositions).data() + head * dim_, q.n, q.stride, h.queries);
        attend(layer, q.data + head * dim_, q.stride, k.data + kv_head * dim_, k.stride);
      }
      copy_head(k, kv_head);
      subtract_means();
      add(rows_.data(), k.n, dim_, h.keys);
      copy_head(v, kv_head);
      for (size_t i = 0; i < rows_.size(); ++i) rows_[i] *= std::sqrt(shares_[kFirstPositions + i / dim_]);
      add(rows_.data(), v.n, dim_, h.values);
    }
  }

  const HeadMoments& head(uint32_t layer, uint32_t kv_head) const {
    return heads_[layer * c_.n_kv_heads + kv_head];
  }

 private:
  // Of n positions the rows behind the first ones.
  void add(const float* rows, size_t n, size_t stride, std::span<float> moment) const {
    add_moment(rows, n - kFirstPositions, stride, dim_, moment);
  }

  void copy_head(const Rows& from, uint32_t kv_head) {
    rows_.clear();
    for (size_t r = kFirstPositions; r < from.n; ++r) {
      const std::span head = from.row(r).subspan(kv_head * dim_, dim_);
      rows_.insert(rows_.end(), head.begin(), head.end());
    }
  }

  // shares[position] += what the queries of one head, [n][dim], give it.
  void attend(uint32_t layer, const float* q, size_t q_stride, const float* k, size_t k_stride) {
    const size_t n = shares_.size();
    const float scale =
        c_.attention_scale > 0 ? c_.attention_scale : 1 / std::sqrt(static_cast<float>(c_.head_dim));
    scores_.resize(n * n);  // [query][position]
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, blas(n), blas(n), blas(dim_), scale, q,
                blas(q_stride), k, blas(k_stride), 0.0f, scores_.data(), blas(n));
    for (size_t r = kFirstPositions; r < n; ++r) {
      const size_t first = c_.local(layer) && r >= c_.window ? r + 1 - c_.window : 0;
      const std::span row(scores_.data() + r * n + first, r + 1 - first);
      if (const float cap = c_.attention_cap; cap > 0)
        for (float& s : row) s = cap * std::tanh(s / cap);
      softmax(row);
      for (size_t i = 0; i < row.size(); ++i) shares_[first + i] += row[i];
    }
  }

  void subtract_means() {
    for (size_t page = 0; page < rows_.size(); page += PHI_PAGE_TOKENS * dim_) {
      const size_t end = std::min(page + PHI_PAGE_TOKENS * dim_, rows_.size());
      const size_t positions = (end - page) / dim_;
      for (size_t c = 0; c < dim_; ++c) {
        float sum = 0;
        for (size_t i = page + c; i < end; i += dim_) sum += rows_[i];
        const float mean = sum / static_cast<float>(positions);
        for (size_t i = page + c; i < end; i += dim_) rows_[i] -= mean;
      }
    }
  }

  const ModelConfig& c_;
  size_t dim_;
  std::vector<HeadMoments> heads_;  // [layer][kv_head]
  std::vector<float> rows_, scores_, shares_;
};

// In double, with the ridge; empty where numbers are not finite.
std::vector<double> ridged(std::span<const float> moment, size_t dim) {
  std::vector<double> out(moment.begin(), moment.end());
  double trace = 0;
  for (size_t i = 0; i < dim; ++i) trace += out[i * dim + i];
  if (!std::isfinite(trace)) return {};
  for (size_t i = 0; i < dim; ++i) out[i * dim + i] += kRidge * trace / static_cast<double>(dim) + kLeast;
  return out;
}

// x ← op(l) x or op(l)⁻¹ x, l a lower triangle; all [dim][dim].
void multiply(CBLAS_SIDE side, CBLAS_TRANSPOSE op, const std::vector<double>& l, size_t dim,
              std::vector<double>& x) {
  cblas_dtrmm(CblasRowMajor, side, CblasLower, op, CblasNonUnit, blas(dim), blas(dim), 1, l.data(), blas(dim),
              x.data(), blas(dim));
}
void divide(CBLAS_TRANSPOSE op, const std::vector<double>& l, size_t dim, std::vector<double>& x) {
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, op, CblasNonUnit, blas(dim), blas(dim), 1, l.data(),
              blas(dim), x.data(), blas(dim));
}

// matrix × diag(factors) × H. Columns are dealt out to the blocks of H one by one, so that each has its part
// of the large ones.
std::vector<float> spread(const std::vector<double>& matrix, const std::vector<double>& factors) {
  const size_t dim = factors.size(), block = rotation_block(dim), blocks = dim / block;
  std::vector<float> out(dim * dim);
  for (size_t r = 0; r < dim; ++r) {
    for (size_t c = 0; c < dim; ++c)
      out[r * dim + c % blocks * block + c / blocks] = static_cast<float>(matrix[r * dim + c] * factors[c]);
    rotate_head(std::span(out).subspan(r * dim, dim), nullptr);
  }
  return out;
}

// Keeps the length of what is coded near what it was: ranges have bounds.
void normalise(RotationPair& pair, size_t dim) {
  const auto squares = std::inner_product(pair.coded.begin(), pair.coded.end(), pair.coded.begin(), 0.0f);
  const float scale = std::sqrt(static_cast<float>(dim) / squares);
  for (float& x : pair.coded) x *= scale;
  for (float& x : pair.reading) x /= scale;
}

void append(std::vector<float>& to, const std::vector<float>& from) {
  to.insert(to.end(), from.begin(), from.end());
}
void append_transposed(std::vector<float>& to, const std::vector<float>& from, size_t dim) {
  for (size_t r = 0; r < dim; ++r)
    for (size_t c = 0; c < dim; ++c) to.push_back(from[c * dim + r]);
}

}  // namespace

void add_moment(const float* rows, size_t n, size_t stride, size_t dim, std::span<float> moment) {
  cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, blas(dim), blas(n), 1.0f, rows, blas(stride), 1.0f,
              moment.data(), blas(dim));
  for (size_t r = 0; r < dim; ++r)
    for (size_t c = 0; c < r; ++c) moment[c * dim + r] = moment[r * dim + c];
}

// With A = L Lᵀ the moment of what is coded, B that of what reads, and Lᵀ B L = V S² Vᵀ: coded = L⁻ᵀ V S^½
// and reading = L V S^-½ turn both A and B into S.
Result<RotationPair> balance(std::span<const float> coded, std::span<const float> reading, size_t dim) {
  std::vector<double> l = ridged(coded, dim), v = ridged(reading, dim), factors(dim);
  const lapack_int n = blas(dim);
  if (l.empty() || v.empty() || LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', n, l.data(), n) != 0)
    return fail(ErrorCode::EPARSE_, "a head's second moments are not finite");
  multiply(CblasLeft, CblasTrans, l, dim, v);
  multiply(CblasRight, CblasNoTrans, l, dim, v);
  if (LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'L', n, v.data(), n, factors.data()) != 0)
    return fail(ErrorCode::EPARSE_, "a head's second moments have no eigenvectors");
  for (double& f : factors) f = std::pow(std::max(f, 1e-12 * factors.back() + kLeast * kLeast), 0.25);
  std::vector<double> w = v;
  divide(CblasTrans, l, dim, v);
  multiply(CblasLeft, CblasNoTrans, l, dim, w);
  RotationPair pair{.coded = spread(v, factors), .reading = {}};
  for (double& f : factors) f = 1 / f;
  pair.reading = spread(w, factors);
  normalise(pair, dim);
  return pair;
}

Result<KvRotations> calibrate_rotations(const Gguf& file, std::span<const Token> tokens,
                                        const std::function<void(size_t tokens)>& done) {
  if (tokens.size() < kCalibrationTokensMin)
    return fail(ErrorCode::EINVAL_,
                fmt::format("a text of {} tokens calibrates nothing; give one of {} or more", tokens.size(),
                            kCalibrationTokensMin));
  const ModelConfig c = TRY(read_config(file));
  MomentObserver moments(c);
  TRY(observe_text(file, tokens, moments, done));
  KvRotations out;
  const size_t dim = c.head_dim, group = c.n_heads / c.n_kv_heads;
  for (uint32_t layer = 0; layer < c.n_layers; ++layer) {
    const GgufTensor* w_o = file.find_tensor(fmt::format("blk.{}.attn_output.weight", layer));
    std::vector<float> rows(w_o->elements);  // [n_embd][n_heads][head_dim]
    dequantize(w_o->type, w_o->data, rows);
    for (uint32_t kv_head = 0; kv_head < c.n_kv_heads; ++kv_head) {
      const HeadMoments& m = moments.head(layer, kv_head);
      const RotationPair keys = TRY(balance(m.keys, m.queries, dim));
      std::vector<float> outputs(dim * dim);
      for (size_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
        add_moment(rows.data() + head * dim, c.n_embd, c.q_size(), dim, outputs);
      const RotationPair values = TRY(balance(m.values, outputs, dim));
      append(out.keys, keys.coded);
      append(out.queries, keys.reading);
      append(out.values, values.coded);
      append_transposed(out.outputs, values.reading, dim);
    }
  }
  return out;
}

}  // namespace phios
