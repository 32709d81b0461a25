#include "drivers/model/native/forward.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

#include "mm/page_stream.h"

namespace phios {

namespace {

constexpr uint32_t kNearPositions = 2048;            // whose angles are kept
constexpr size_t kLogitBytesMax = size_t{32} << 20;  // of one block of logits
constexpr size_t kLogitRowsMin = 16;
constexpr uint64_t kWideWork = 6'000'000;  // multiply-adds of a pass from which the workers pay
constexpr size_t kTileRowsSmall = 24;      // of a pass of fewer than kLargePass rows
constexpr size_t kTileRowsLarge = 48;
constexpr size_t kLargePass = 96;
constexpr size_t kPairRows = 3;        // up to so many rows, a tile is a pair of groups (see the kernels)
constexpr size_t kSerialNanos = 1500;  // a phase that is shorter is not shared out
constexpr size_t kTileNanos = 1000;
constexpr size_t kNanosPerKiloElement = 200;  // of the light kernels
// From one worker's scratch to the next: a core's prefetchers run ahead as far as a scratch is long, and
// would take the neighbour's lines from it again and again.
constexpr size_t kScratchStep = 2 * kInt8Scratch;

// Inputs of the widest matrix in blocks.
size_t widest_in_blocks(const Weights& weights) {
  size_t widest = 0;
  const auto see = [&](const PackedMatrix& m) {
    widest = in_blocks(m.type) ? std::max(widest, m.n_in) : widest;
  };
  for (const LayerWeights& l : weights.layers())
    for (const PackedMatrix* m : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}) see(*m);
  see(weights.output());
  return widest;
}

}  // namespace

Forward::Forward(const Weights& weights, const Kernels& kernels, WorkerPool& pool, uint32_t max_rows)
    : weights_(weights),
      c_(weights.config()),
      kernels_(kernels),
      pool_(pool),
      attention_(attention_kernels(kernels.name), weights_.kv(), c_.n_heads, pool_.threads(), rule(false)),
      mass_(attention_kernels(kernels.name), weights_.kv(), c_.n_heads, c_.n_layers, pool_.threads()),
      max_rows_(max_rows),
      fetches_(weights.bytes() > kCachedWeightBytes),
      past_caches_(fetches_past_caches()),
      near_positions_(std::min(c_.context_length, kNearPositions)) {
  if (c_.window > 0)
    local_attention_.emplace(attention_kernels(kernels.name), weights_.kv(), c_.n_heads, pool_.threads(),
                             rule(true));
  make_angles(false);
  if (c_.window > 0 && c_.local_rope != c_.rope) make_angles(true);
  rows_.reserve(max_rows);
}

AttentionRule Forward::rule(bool local) const {
  return {.scale = c_.attention_scale, .cap = c_.attention_cap, .window = local ? c_.window : 0};
}

void Forward::make_angles(bool local) {
  const Rope& rope = weights_.rope(local);
  Angles& a = angles_.emplace_back(&rope, std::vector<float>(near_positions_ * rope.table_size()),
                                   std::vector<float>(max_rows_ * rope.table_size()));
  for (uint32_t p = 0; p < near_positions_; ++p) rope.turn(p, a.near.data() + p * rope.table_size());
}

Result<std::unique_ptr<Forward>> Forward::create(const Weights& weights, const Kernels& kernels,
                                                 WorkerPool& pool, uint32_t max_rows) {
  std::unique_ptr<Forward> forward(new Forward(weights, kernels, pool, max_rows));
  TRY(forward->make_buffers());
  return forward;
}

Status Forward::make_buffers() {
  const size_t logit_bytes = round_up(c_.n_vocab, kLanes) * sizeof(float);
  logit_rows_ = std::min<size_t>(std::max(kLogitBytesMax / logit_bytes, kLogitRowsMin), max_rows_);
  const struct {
    Buffer* buffer;
    size_t rows, width;
  } wanted[] = {
      {&x_, max_rows_, c_.n_embd},    {&h_, max_rows_, c_.n_embd},    {&q_, max_rows_, c_.q_size()},
      {&k_, max_rows_, c_.kv_size()}, {&v_, max_rows_, c_.kv_size()}, {&att_, max_rows_, c_.q_size()},
      {&gate_, max_rows_, c_.n_ff},   {&up_, max_rows_, c_.n_ff},     {&logits_, logit_rows_, c_.n_vocab}};
  // An odd number of cache lines: rows do not fall upon each other's places in the caches.
  if (const size_t widest = widest_in_blocks(weights_)) bytes_stride_ = widest / kBlockInputs | 1;
  const size_t byte_blocks = max_rows_ * bytes_stride_ * sizeof(ActivationBlock);
  const size_t unpacked = bytes_stride_ > 0 ? pool_.threads() * kScratchStep : 0;
  size_t bytes = Arena::padded(byte_blocks) + Arena::padded(unpacked);
  for (const auto& w : wanted) bytes += Arena::padded(w.rows * round_up(w.width, kLanes) * sizeof(float));
  arena_ = TRY(Arena::create(bytes));
  for (const auto& w : wanted) *w.buffer = make_buffer(w.rows, w.width);
  bytes_ = static_cast<ActivationBlock*>(arena_.take(byte_blocks));
  unpacked_ = static_cast<std::byte*>(arena_.take(unpacked));
  return {};
}

Forward::Buffer Forward::make_buffer(size_t rows, size_t width) {
  const size_t stride = round_up(width, kLanes);
  return {static_cast<float*>(arena_.take(rows * stride * sizeof(float))), stride};
}

ProductRows Forward::rows_of(const Buffer& in, const Buffer& out) const {
  return {.x = in.data, .x_stride = in.stride, .y = out.data, .y_stride = out.stride, .rows = rows_.size()};
}

// f(row, worker) for every row; `cost` in nanoseconds a row decides whether it is shared out.
template <class F>
void Forward::share(size_t n, size_t cost, F&& f) {
  if (!wide_ || n * cost < kSerialNanos) {
    for (size_t r = 0; r < n; ++r) f(r, 0);
    return;
  }
  const size_t step = std::max<size_t>(1, kTileNanos / std::max<size_t>(cost, 1));
  pool_.run(static_cast<uint32_t>((n + step - 1) / step), [&](uint32_t tile, unsigned worker) {
    for (size_t r = tile * step, end = std::min(n, (tile + 1) * step); r < end; ++r) f(r, worker);
  });
}

void Forward::run(std::span<const PassItem> items, PassTail& tail) {
  items_ = items;
  gather_rows();
  wide_ = pool_.threads() > 1 && rows_.size() * weights_.parameters() >= kWideWork;
  plan_attention();
  wants_mass_ = std::ranges::any_of(items_, [](const PassItem& item) { return !item.masses.empty(); });
  if (wide_) pool_.begin();
  for (uint32_t i = 0; i < c_.n_layers; ++i) layer(i);
  if (observer_) observer_->on_state(c_.n_layers, seen(x_, c_.n_embd));
  finish(tail);
  if (wide_) pool_.end();
}

void Forward::gather_rows() {
  rows_.clear();
  for (uint32_t i = 0; i < items_.size(); ++i) {
    const PassItem& item = items_[i];
    for (uint32_t t = 0; t < item.tokens.size(); ++t) {
      Row row{.item = i, .offset = t, .position = item.first_pos + t};
      row.turn[0] = find_angles(angles_.front(), row.position);
      row.turn[1] = angles_.size() == 1 ? row.turn[0] : find_angles(angles_.back(), row.position);
      weights_.embed(item.tokens[t], x_.row(rows_.size()));
      rows_.push_back(row);
    }
  }
}

// Of the row that comes next.
const float* Forward::find_angles(Angles& a, uint32_t position) const {
  if (position < near_positions_) return a.near.data() + position * a.rope->table_size();
  float* table = a.far.data() + rows_.size() * a.rope->table_size();
  a.rope->turn(position, table);
  return table;
}

void Forward::layer(uint32_t index) {
  const LayerWeights& l = weights_.layers()[index];
  if (observer_) observer_->on_state(index, seen(x_, c_.n_embd));
  norm_rows(l.attn_norm);
  if (observer_) observer_->on_input(index, PassObserver::Input::kQueriesKeysValues, seen(h_, c_.n_embd));
  Product qkv[] = {{&l.q, rows_of(h_, q_)}, {&l.k, rows_of(h_, k_)}, {&l.v, rows_of(h_, v_)}};
  qkv[0].rows.bias = l.q_bias;
  qkv[1].rows.bias = l.k_bias;
  qkv[2].rows.bias = l.v_bias;
  multiply(qkv);
  const size_t light = (c_.q_size() + 2 * size_t{c_.kv_size()}) * kNanosPerKiloElement / 1024 + 10;
  each_row(light, [&](size_t r, unsigned) { turn_and_store(index, r); });
  if (observer_)
    observer_->on_heads(index, seen(q_, c_.q_size()), seen(k_, c_.kv_size()), seen(v_, c_.kv_size()));
  attention_of(index).complete(index, pool_);
  for (const PassItem& item : items_)
    if (item.stream && !item.stream->chooses()) item.stream->enter(index);
  if (wants_mass_ && mass_.looks_at(index))
    mass_.add(index, items_, q_, rule(c_.local(index)), wide_ ? &pool_ : nullptr);
  if (index + 1 == c_.n_layers) {
    keep_wanted_rows();
    plan_attention();
  }
  read_chosen(index);
  attention_of(index).run(index, q_, att_, pool_);
  for (const PassItem& item : items_)
    if (item.stream) item.stream->leave(index);
  if (observer_) observer_->on_input(index, PassObserver::Input::kOutput, seen(att_, c_.q_size()));
  add_product(l.o, att_, l.o_bias, l.attn_post_norm);
  feed_forward(index);
}

// From disk, of streams that choose; the rows that will attend are known.
void Forward::read_chosen(uint32_t layer) {
  for (uint32_t i = 0; i < items_.size(); ++i) {
    PageStream* stream = items_[i].stream;
    if (!stream || !stream->chooses()) continue;
    attention_of(layer).find_wanted(layer, q_, i, wanted_, pool_);
    stream->enter(layer, wanted_);
  }
}

// x += w × in + bias, normed before it is added if there is a weight for that.
void Forward::add_product(const PackedMatrix& w, const Buffer& in, const float* bias,
                          const float* post_norm) {
  Product p{&w, rows_of(in, post_norm ? h_ : x_)};
  p.rows.bias = bias;
  p.rows.add = !post_norm;
  multiply({&p, 1});
  if (!post_norm) return;
  each_row(2 * c_.n_embd * kNanosPerKiloElement / 1024, [&](size_t r, unsigned) {
    float *x = x_.row(r), *h = h_.row(r);
    kernels_.rms_norm(h, post_norm, h, c_.n_embd, c_.rms_eps);
    for (uint32_t i = 0; i < c_.n_embd; ++i) x[i] += h[i];
  });
}

void Forward::norm_rows(const float* weight) {
  each_row(c_.n_embd * kNanosPerKiloElement / 1024, [&](size_t r, unsigned) {
    kernels_.rms_norm(x_.row(r), weight, h_.row(r), c_.n_embd, c_.rms_eps);
  });
}

void Forward::norm_heads(float* heads, uint32_t n, const float* weight) const {
  if (!weight) return;
  for (float* head = heads; n > 0; --n, head += c_.head_dim)
    kernels_.rms_norm(head, weight, head, c_.head_dim, c_.rms_eps);
}

void Forward::turn_and_store(uint32_t layer, size_t r) {
  const LayerWeights& l = weights_.layers()[layer];
  const float* turn = rows_[r].turn[c_.local(layer)];
  norm_heads(q_.row(r), c_.n_heads, l.q_norm);
  norm_heads(k_.row(r), c_.n_kv_heads, l.k_norm);
  kernels_.rope(q_.row(r), c_.n_heads, c_.head_dim, c_.n_rot, turn, c_.rope_neox);
  kernels_.rope(k_.row(r), c_.n_kv_heads, c_.head_dim, c_.n_rot, turn, c_.rope_neox);
  attention_of(layer).store(layer, r, kernels_, k_.row(r), v_.row(r));
}

void Forward::plan_attention() {
  const auto plan = [&](Attention& attention) {
    attention.begin(items_);
    for (const Row& row : rows_) attention.add_row(row.item, row.position);
    attention.plan(wide_ ? pool_.threads() : 1);
  };
  plan(attention_);
  if (local_attention_) plan(*local_attention_);
}

// Behind the last layer's keys and values only the rows that somebody asked for are computed.
void Forward::keep_wanted_rows() {
  size_t kept = 0;
  for (size_t r = 0; r < rows_.size(); ++r) {
    const PassItem& item = items_[rows_[r].item];
    const bool last = rows_[r].offset + 1 == item.tokens.size();
    if (!item.want_hidden && !item.want_all_logits && !(item.want_logits && last)) continue;
    if (kept != r) {
      rows_[kept] = rows_[r];
      std::memcpy(x_.row(kept), x_.row(r), c_.n_embd * sizeof(float));
      std::memcpy(q_.row(kept), q_.row(r), c_.q_size() * sizeof(float));
    }
    ++kept;
  }
  rows_.resize(kept);
}

void Forward::feed_forward(uint32_t layer) {
  const LayerWeights& l = weights_.layers()[layer];
  norm_rows(l.ffn_norm);
  if (observer_) observer_->on_input(layer, PassObserver::Input::kGateUp, seen(h_, c_.n_embd));
  const Product both[] = {{&l.gate, rows_of(h_, gate_)}, {&l.up, rows_of(h_, up_)}};
  multiply(both);
  const auto gate = c_.activation == Activation::kGelu ? kernels_.geglu : kernels_.swiglu;
  each_row(c_.n_ff * kNanosPerKiloElement / 1024,
           [&](size_t r, unsigned) { gate(gate_.row(r), up_.row(r), c_.n_ff); });
  if (observer_) observer_->on_input(layer, PassObserver::Input::kDown, seen(gate_, c_.n_ff));
  add_product(l.down, gate_, nullptr, l.ffn_post_norm);
}

// Groups [first, last) of rows [row, row + n_rows).
void Forward::multiply_tile(const Product& p, size_t first, size_t last, size_t row, size_t n_rows,
                            unsigned worker) {
  const ProductRows& r = p.rows;
  float* y = r.y + row * r.y_stride;
  if (in_blocks(p.w->type))
    return kernels_.int8->product(*p.w, first, last,
                                  {.x = bytes_ + row * bytes_stride_,
                                   .x_stride = bytes_stride_,
                                   .y = y,
                                   .y_stride = r.y_stride,
                                   .rows = n_rows,
                                   .bias = r.bias,
                                   .add = r.add,
                                   .ahead = fetches_ ? block_format(p.w->type).group_bytes(p.w->n_in) : 0,
                                   .past_caches = past_caches_,
                                   .scratch = unpacked_ + worker * kScratchStep});
  ProductRows rows = r;
  rows.x += row * r.x_stride;
  rows.y = y;
  rows.rows = n_rows;
  kernels_.product(*p.w, first, last, rows);
}

void Forward::quantize(const ProductRows& rows, size_t n_in) {
  share(rows.rows, n_in * kNanosPerKiloElement / 1024, [&](size_t r, unsigned) {
    kernels_.int8->quantize(rows.x + r * rows.x_stride, n_in, bytes_ + r * bytes_stride_);
  });
}

// Products of the same inputs.
void Forward::multiply(std::span<const Product> products) {
  const size_t n_rows = rows_.size();
  if (n_rows == 0) return;
  const auto integer = [](const Product& p) { return in_blocks(p.w->type); };
  if (const auto p = std::ranges::find_if(products, integer); p != products.end())
    quantize(p->rows, p->w->n_in);
  struct Grid {
    size_t first_tile, unit_step, row_step, columns;
  };
  std::array<Grid, 3> grids{};
  assert(products.size() <= grids.size());
  const size_t usual = n_rows < kLargePass ? kTileRowsSmall : kTileRowsLarge;
  size_t tiles = 0;
  for (size_t i = 0; i < products.size(); ++i) {
    const Product& p = products[i];
    Grid& g = grids[i];
    g.first_tile = tiles;
    g.unit_step = !in_blocks(p.w->type) && p.rows.rows <= kPairRows ? 2 : 1;
    g.row_step = usual;
    g.columns = (p.w->groups() + g.unit_step - 1) / g.unit_step;
    tiles += g.columns * ((p.rows.rows + g.row_step - 1) / g.row_step);
  }
  auto multiply_one = [&](uint32_t tile, unsigned worker) {
    size_t i = products.size() - 1;
    while (tile < grids[i].first_tile) --i;
    const Grid& g = grids[i];
    const size_t at = tile - g.first_tile;
    const size_t first = at % g.columns * g.unit_step, row = at / g.columns * g.row_step;
    multiply_tile(products[i], first, std::min(products[i].w->groups(), first + g.unit_step), row,
                  std::min(g.row_step, products[i].rows.rows - row), worker);
  };
  if (wide_)
    pool_.run(static_cast<uint32_t>(tiles), std::move(multiply_one));
  else
    for (uint32_t tile = 0; tile < tiles; ++tile) multiply_one(tile, 0);
}

void Forward::finish(PassTail& tail) {
  norm_rows(weights_.output_norm());
  finish_hidden(tail);
  for (size_t first = 0; first < rows_.size(); first += logit_rows_) {
    const size_t n = std::min(logit_rows_, rows_.size() - first);
    Product output{&weights_.output(), rows_of(h_, logits_)};
    output.rows.x = h_.row(first);
    output.rows.rows = n;
    multiply({&output, 1});
    tell_logits(tail, first, n);
  }
}

// Items that want the mean of their hidden states get it, and their rows go.
void Forward::finish_hidden(PassTail& tail) {
  size_t kept = 0;
  for (size_t r = 0; r < rows_.size();) {
    const PassItem& item = items_[rows_[r].item];
    if (!item.want_hidden) {
      if (kept != r) {
        rows_[kept] = rows_[r];
        std::memcpy(h_.row(kept), h_.row(r), c_.n_embd * sizeof(float));
      }
      ++kept, ++r;
      continue;
    }
    const size_t n = item.tokens.size();
    float* mean = x_.row(r);  // free by now
    std::fill_n(mean, c_.n_embd, 0.0f);
    for (size_t i = 0; i < n; ++i)
      for (size_t d = 0; d < c_.n_embd; ++d) mean[d] += h_.row(r + i)[d] / static_cast<float>(n);
    tail.on_logits(rows_[r].item, static_cast<uint32_t>(n - 1), {mean, c_.n_embd});
    r += n;
  }
  rows_.resize(kept);
}

// Single rows in parallel; the rows of an item that wants all of them by this thread, in order.
void Forward::tell_logits(PassTail& tail, size_t first, size_t n) {
  const auto tell = [&](size_t i) {
    const Row& row = rows_[first + i];
    float* logits = logits_.row(i);
    for (uint32_t t = 0; c_.logit_cap > 0 && t < c_.n_vocab; ++t)
      logits[t] = c_.logit_cap * std::tanh(logits[t] / c_.logit_cap);
    tail.on_logits(row.item, row.offset, {logits, c_.n_vocab});
  };
  const auto alone = [&](size_t i) { return !items_[rows_[first + i].item].want_all_logits; };
  const bool share = wide_ && n > 1;
  if (share)
    pool_.run(static_cast<uint32_t>(n), [&](uint32_t i, unsigned) {
      if (alone(i)) tell(i);
    });
  for (size_t i = 0; i < n; ++i)
    if (!share || !alone(i)) tell(i);
}

}  // namespace phios
