// The integer products, over whatever Vec, Bytes and Ints the including file has chosen (simd_*.h,
// int8_simd_*.h). Everything here has internal linkage: each int8_*.cc compiles it for its own instruction
// set.
#pragma once

#include <cstring>

#include "drivers/model/native/int8_product.h"

namespace phios {
namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kBytesWide = 64;  // of a vector of quants
// How far ahead in memory one or two rows fetch: they go through the weights in their order, as fast as
// memory delivers them. Past the caches there is room for less.
constexpr size_t kNarrowAhead = size_t{16} << 10, kNarrowAheadPast = size_t{4} << 10;
constexpr float kPeakSmallest = 1e-30f;  // below, an activation counts as zero: 127 / peak must not overflow

inline Vec halves_at(const uint8_t* p) { return vec_load_f16(reinterpret_cast<const uint16_t*>(p)); }
// Into the second cache, where it is used thousands of instructions later; or by the side of the caches,
// where it is used once and soon. Always inlined, because GCC 12 takes a function that does nothing but this
// for one that does nothing.
enum class Use { kOnce, kLater };
template <Use use>
inline __attribute__((always_inline)) void fetch(const uint8_t* p, size_t bytes) {
  constexpr int kLocality = use == Use::kOnce ? 0 : 2;
  for (size_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(p + i, 0, kLocality);
}
inline const float* floats_at(const uint8_t* p) { return reinterpret_cast<const float*>(p); }

// Weights of P panels as a packed matrix holds them. seek() goes to a block; everything else is of that
// block.
template <BlockFormat f>
struct PackedWeights {
  static constexpr BlockFormat kFormat = f;
  const uint8_t* group;
  size_t panel;
  size_t ahead;      // bytes from here to what will be needed next, 0: nobody knows
  size_t turns = 1;  // tiles of rows that share the fetches, each making those of every so many blocks
  size_t turn = 0;   // blocks until this tile's next
  bool past_caches = false;
  const uint8_t* head = nullptr;
  const uint8_t* quants = nullptr;
  size_t block = 0;  // of the record

  void seek(size_t b) {
    block = b % f.blocks();
    const uint8_t* record = group + b / f.blocks() * f.record_bytes();
    head = record + panel * f.head_bytes();
    quants = record + kGroupPanels * f.head_bytes() + (block * kGroupPanels + panel) * f.quant_bytes();
  }
  // What stands `ahead` of this block's weights of so many panels.
  template <size_t panels>
  __attribute__((always_inline)) void fetch_ahead() {
    if (ahead == 0 || turn-- > 0) return;
    turn = turns - 1;
    // A tile of all panels is one of few rows, which goes through the weights in their order.
    if (panels == kGroupPanels && past_caches)
      fetch_lines<Use::kOnce, panels>();
    else
      fetch_lines<Use::kLater, panels>();
  }
  template <Use use, size_t panels>
  __attribute__((always_inline)) void fetch_lines() const {
    if (block == 0) fetch<use>(head + ahead, panels * f.head_bytes());
    fetch<use>(quants + ahead, panels * f.quant_bytes());
  }
  // One tile that asked for all would wait for lines, and the others for none.
  void take_turn(size_t tile, size_t tiles, size_t) { turn = tile, turns = tiles; }

  template <int j>
  Bytes vector(int p) const {
    const uint8_t* q = quants + static_cast<size_t>(p) * f.quant_bytes();
    if constexpr (f.bits == 8) return bytes_load(q + j * kBytesWide);
    const Bytes both = bytes_load(q + j / 2 * kBytesWide);
    const Bytes low = j % 2 ? bytes_high_nibbles(both) : bytes_low_nibbles(both);
    const uint8_t* upper = q + kBlockVectors / 2 * kBytesWide;
    if constexpr (f.bits == 5) return bytes_with_fifth(low, upper + j * 8);
    if constexpr (f.bits == 6)
      return bytes_with_upper<j % 4 * 2>(low, bytes_load(upper + j / 4 * kBytesWide));
    return low;
  }

  const uint8_t* head_of(int p) const { return head + static_cast<size_t>(p) * f.head_bytes(); }
  Ints six_bits(int p, int which) const {  // 0: scale, 1: min
    const uint8_t* at = head_of(p) + 4 * kLanes;
    const Ints low = ints_and(ints_right(ints_load_u8(at + block * kLanes), 4 * which), 15);
    const int shift = static_cast<int>(block % 2) * 4 + 2 * which;
    const Ints high = ints_and(ints_right(ints_load_u8(at + (8 + block / 2) * kLanes), shift), 3);
    return ints_or(low, ints_left<4>(high));
  }
  Vec scale(int p, int half) const {
    const Vec d = halves_at(head_of(p));
    if constexpr (f.scales == BlockScales::kSixBits) return vec_mul(d, ints_to_vec(six_bits(p, 0)));
    if constexpr (f.scales == BlockScales::kSigned) {
      const uint8_t* at = head_of(p) + 2 * kLanes + (2 * block + static_cast<size_t>(half)) * kLanes;
      return vec_mul(d, ints_to_vec(ints_load_i8(at)));
    }
    return d;
  }
  Vec min(int p) const {
    const Vec m = halves_at(head_of(p) + 2 * kLanes);
    if constexpr (f.scales == BlockScales::kSixBits) return vec_mul(m, ints_to_vec(six_bits(p, 1)));
    return m;
  }
};

// The same unpacked: for each block and panel 8 vectors of bytes, then the scales and minima as floats.
template <BlockFormat f>
struct UnpackedWeights {
  static constexpr BlockFormat kFormat = f;
  static constexpr size_t kPanelBytes = kUnpackedBlockBytes / kUnpackedPanels;
  static constexpr size_t kScalesAt = kBlockVectors * kBytesWide;
  uint8_t* data;
  const uint8_t* next =
      nullptr;  // what will be needed next, up to next_end; some lines of it with each block
  const uint8_t* next_end = nullptr;
  size_t next_step = kCacheLine;
  uint8_t* at = nullptr;

  void seek(size_t b) { at = data + b * kUnpackedBlockBytes; }
  template <size_t>
  __attribute__((always_inline)) void fetch_ahead() {
    if (next >= next_end) return;
    fetch<Use::kLater>(next, next_step);
    next += next_step;
  }
  void take_turn(size_t tile, size_t, size_t blocks) { next += tile * blocks * next_step; }
  uint8_t* panel(int p) const { return at + static_cast<size_t>(p) * kPanelBytes; }
  template <int j>
  Bytes vector(int p) const {
    return bytes_load(panel(p) + j * kBytesWide);
  }
  Vec scale(int p, int half) const { return vec_load(floats_at(panel(p) + kScalesAt) + half * kLanes); }
  Vec min(int p) const { return vec_load(floats_at(panel(p) + kScalesAt) + kLanes); }
};

template <int j, BlockFormat f>
inline void unpack_vectors(const PackedWeights<f>& from, int p, uint8_t* to) {
  if constexpr (j < static_cast<int>(kBlockVectors)) {
    bytes_store(to + j * kBytesWide, from.template vector<j>(p));
    unpack_vectors<j + 1>(from, p, to);
  }
}

// Blocks [first, last) of `panels` panels.
template <BlockFormat f>
void unpack(PackedWeights<f> from, size_t first, size_t last, int panels, UnpackedWeights<f> to) {
  for (size_t b = first; b < last; ++b) {
    from.seek(b);
    to.seek(b - first);
    for (int p = 0; p < panels; ++p) {
      unpack_vectors<0>(from, p, to.panel(p));
      auto* scales = reinterpret_cast<float*>(to.panel(p) + to.kScalesAt);
      vec_store(scales, from.scale(p, 0));
      if constexpr (f.halves()) vec_store(scales + kLanes, from.scale(p, 1));
      if constexpr (f.has_min()) vec_store(scales + kLanes, from.min(p));
    }
  }
}

// sums[r][p] += vectors [j, end) of the block · their inputs.
template <int j, int end, class Weights, int R, int P>
inline __attribute__((always_inline)) void dot_vectors(const Weights& w, const ActivationBlock* x,
                                                       size_t stride, Ints (&sums)[R][P]) {
  if constexpr (j < end) {
    Bytes vectors[P];
    for (int p = 0; p < P; ++p) vectors[p] = w.template vector<j>(p);
    for (int r = 0; r < R; ++r) {
      int32_t four;
      std::memcpy(&four, x[static_cast<size_t>(r) * stride].q + 4 * j, sizeof four);
      for (int p = 0; p < P; ++p) sums[r][p] = ints_dot<Weights::kFormat.bits>(sums[r][p], vectors[p], four);
    }
    dot_vectors<j + 1, end>(w, x, stride, sums);
  }
}

// What the quants' offset takes away, as the sums' start: the offset is a power of two.
template <BlockFormat f>
inline Ints start_of(int32_t minus_sum) {
  if constexpr (f.has_min() || (f.bits == 8 && kSignedBytes)) return ints_set(0);
  return ints_left<f.bits - 1>(ints_set(minus_sum));
}

// acc[r][p] += one block, or of formats with two scales a block its half `half`.
template <int half, int first, int last, class Weights, int R, int P>
inline __attribute__((always_inline)) void add_block(const Weights& w, const ActivationBlock* x,
                                                     size_t stride, Vec (&acc)[R][P]) {
  constexpr BlockFormat f = Weights::kFormat;
  Ints sums[R][P];
  for (int r = 0; r < R; ++r) {
    const ActivationBlock& in = x[static_cast<size_t>(r) * stride];
    const Ints start = start_of<f>(f.halves() ? in.minus_half[half] : in.minus_sum);
    for (int p = 0; p < P; ++p) sums[r][p] = start;
  }
  dot_vectors<first, last>(w, x, stride, sums);
  for (int p = 0; p < P; ++p) {
    const Vec scale = w.scale(p, half);
    for (int r = 0; r < R; ++r) {
      const Vec both = vec_mul(scale, vec_set(x[static_cast<size_t>(r) * stride].d));
      acc[r][p] = vec_fma(ints_to_vec(sums[r][p]), both, acc[r][p]);
    }
  }
}

struct TileOutput {
  float* y;
  size_t stride;
  const float* bias;  // of the first column; or none
  bool go_on;         // y holds a part of the sum
};

// R rows × P panels over blocks [0, n) of the weights. Not inlined: alone, its accumulators stay in
// registers.
template <class Weights, int R, int P>
__attribute__((noinline)) void int8_tile(Weights w, size_t n, const ActivationBlock* x, size_t stride,
                                         const TileOutput& out) {
  constexpr BlockFormat f = Weights::kFormat;
  Vec acc[R][P];
  for (int r = 0; r < R; ++r)
    for (int p = 0; p < P; ++p) {
      const size_t at = static_cast<size_t>(p) * kLanes;
      acc[r][p] = out.go_on  ? vec_load(out.y + static_cast<size_t>(r) * out.stride + at)
                  : out.bias ? vec_load(out.bias + at)
                             : vec_zero();
    }
  constexpr int kVectors = static_cast<int>(kBlockVectors);
  for (size_t b = 0; b < n; ++b, ++x) {
    w.seek(b);
    w.template fetch_ahead<P>();
    if constexpr (f.halves()) {
      add_block<0, 0, kVectors / 2>(w, x, stride, acc);
      add_block<1, kVectors / 2, kVectors>(w, x, stride, acc);
    } else {
      add_block<0, 0, kVectors>(w, x, stride, acc);
    }
    if constexpr (f.has_min())
      for (int p = 0; p < P; ++p) {
        const Vec min = w.min(p);
        for (int r = 0; r < R; ++r)
          acc[r][p] = vec_fma(min, vec_set(x[static_cast<size_t>(r) * stride].d_sum), acc[r][p]);
      }
  }
  for (int r = 0; r < R; ++r)
    for (int p = 0; p < P; ++p)
      vec_store(out.y + static_cast<size_t>(r) * out.stride + static_cast<size_t>(p) * kLanes, acc[r][p]);
}

// n ≤ R rows.
template <class Weights, int R, int P>
void int8_tile_of(size_t n, Weights w, size_t blocks, const ActivationBlock* x, size_t stride,
                  const TileOutput& out) {
  if constexpr (R > 1)
    if (n < R) return int8_tile_of<Weights, R - 1, P>(n, w, blocks, x, stride, out);
  int8_tile<Weights, R, P>(w, blocks, x, stride, out);
}

TileOutput output_of(const Int8Rows& rows, size_t row, size_t column, bool go_on) {
  return {rows.y + row * rows.y_stride + column, rows.y_stride, rows.bias ? rows.bias + column : nullptr,
          go_on || rows.add};
}

// All rows, as evenly as they go into tiles of at most R.
template <class Weights, int R, int P>
void int8_rows(Weights w, size_t first_block, size_t blocks, const Int8Rows& rows, size_t column) {
  const size_t chunks = (rows.rows + R - 1) / R;
  for (size_t c = 0; c < chunks; ++c) {
    const size_t row = rows.rows * c / chunks, end = rows.rows * (c + 1) / chunks;
    Weights part = w;
    part.take_turn(c, chunks, blocks);
    int8_tile_of<Weights, R, P>(end - row, part, blocks, rows.x + row * rows.x_stride + first_block,
                                rows.x_stride, output_of(rows, row, column, first_block > 0));
  }
}

// The weights are unpacked in registers.
template <BlockFormat f>
void product_direct(const uint8_t* group, size_t panels, size_t blocks, const Int8Rows& rows, size_t column) {
  size_t p = 0;
  const auto at = [&] { return PackedWeights<f>{.group = group, .panel = p, .ahead = rows.ahead}; };
  if constexpr (kNarrowRows > 0)
    if (rows.rows <= static_cast<size_t>(kNarrowRows) && panels == kGroupPanels) {
      const size_t ahead = rows.past_caches ? kNarrowAheadPast : kNarrowAhead;
      return int8_rows<PackedWeights<f>, kNarrowRows, static_cast<int>(kGroupPanels)>(
          {.group = group, .panel = 0, .ahead = rows.ahead > 0 ? ahead : 0, .past_caches = rows.past_caches},
          0, blocks, rows, column);
    }
  for (; p + kPairPanels <= panels; p += kPairPanels)
    int8_rows<PackedWeights<f>, kPairRows, kPairPanels>(at(), 0, blocks, rows, column + p * kLanes);
  for (; p < panels; ++p)
    int8_rows<PackedWeights<f>, kPairRows, 1>(at(), 0, blocks, rows, column + p * kLanes);
}

// Two panels at a time are unpacked into the scratch, a stretch of blocks that the first cache
// holds.
template <BlockFormat f>
void product_unpacked(const uint8_t* group, size_t panels, size_t blocks, const Int8Rows& rows,
                      size_t column) {
  UnpackedWeights<f> to{reinterpret_cast<uint8_t*>(rows.scratch)};
  // The tiles fetch the group that comes next, each block of each its share.
  const size_t tiles = (rows.rows + kPairRows - 1) / kPairRows;
  const size_t shares = (panels + kUnpackedPanels - 1) / kUnpackedPanels * tiles * blocks;
  const size_t bytes = f.group_bytes(blocks * kBlockInputs);
  to.next_step = round_up((bytes + shares - 1) / shares, kCacheLine);
  if (rows.ahead > 0) to.next = group + rows.ahead, to.next_end = to.next + bytes;
  for (size_t p = 0; p < panels; p += kUnpackedPanels) {
    const size_t n = panels - p < kUnpackedPanels ? panels - p : kUnpackedPanels;
    for (size_t first = 0; first < blocks; first += kUnpackedBlocks) {
      const size_t last = first + kUnpackedBlocks < blocks ? first + kUnpackedBlocks : blocks;
      unpack<f>({.group = group, .panel = p, .ahead = 0}, first, last, static_cast<int>(n), to);
      if (n == kUnpackedPanels && kPairPanels == 2) {
        int8_rows<UnpackedWeights<f>, kPairRows, 2>(to, first, last - first, rows, column + p * kLanes);
      } else {
        for (size_t i = 0; i < n; ++i) {
          UnpackedWeights<f> one = to;
          one.data += i * to.kPanelBytes;
          int8_rows<UnpackedWeights<f>, kPairRows, 1>(one, first, last - first, rows,
                                                      column + (p + i) * kLanes);
        }
      }
      if (to.next < to.next_end) to.next += (last - first) * tiles * to.next_step;
    }
  }
}

// Up to how many rows unpacking in registers, again for every tile of rows, is cheaper.
constexpr size_t direct_rows(BlockFormat f) {
  const bool cheap = f.scales == BlockScales::kHalf && (f.bits == 8 || (f.bits == 4 && kUnpacksForNothing));
  return cheap ? SIZE_MAX : kDirectRows;
}

template <PackedType type>
void int8_typed(const PackedMatrix& w, size_t first, size_t last, const Int8Rows& rows) {
  constexpr BlockFormat f = block_format(type);
  const size_t blocks = w.n_in / kBlockInputs;
  for (size_t g = first; g < last; ++g) {
    const uint8_t* group = static_cast<const uint8_t*>(w.data) + g * f.group_bytes(w.n_in);
    if (rows.rows <= direct_rows(f))
      product_direct<f>(group, w.panels(g), blocks, rows, g * kGroup);
    else
      product_unpacked<f>(group, w.panels(g), blocks, rows, g * kGroup);
  }
}

void int8_product(const PackedMatrix& w, size_t first, size_t last, const Int8Rows& rows) {
  switch (w.type) {
    case PackedType::kQ4_0:
      return int8_typed<PackedType::kQ4_0>(w, first, last, rows);
    case PackedType::kQ4_1:
      return int8_typed<PackedType::kQ4_1>(w, first, last, rows);
    case PackedType::kQ5_0:
      return int8_typed<PackedType::kQ5_0>(w, first, last, rows);
    case PackedType::kQ5_1:
      return int8_typed<PackedType::kQ5_1>(w, first, last, rows);
    case PackedType::kQ8_0:
      return int8_typed<PackedType::kQ8_0>(w, first, last, rows);
    case PackedType::kQ4_K:
      return int8_typed<PackedType::kQ4_K>(w, first, last, rows);
    case PackedType::kQ5_K:
      return int8_typed<PackedType::kQ5_K>(w, first, last, rows);
    case PackedType::kQ6_K:
      return int8_typed<PackedType::kQ6_K>(w, first, last, rows);
    default:
      return;
  }
}

void quantize_block(const float* x, ActivationBlock& out) {
  const Vec a = vec_load(x), b = vec_load(x + kLanes);
  const float peak = vec_max(vec_larger(vec_abs(a), vec_abs(b)));
  const Vec scale = vec_set(peak > kPeakSmallest ? 127.0f / peak : 0.0f);
  out.d = peak / 127.0f;
  const Ints first = ints_round(vec_mul(a, scale)), second = ints_round(vec_mul(b, scale));
  ints_store_i8(out.q, first);
  ints_store_i8(out.q + kLanes, second);
  out.minus_half[0] = -ints_sum(first);
  out.minus_half[1] = -ints_sum(second);
  out.minus_sum = out.minus_half[0] + out.minus_half[1];
  out.d_sum = out.d * static_cast<float>(-out.minus_sum);
}

void int8_quantize(const float* x, size_t n, ActivationBlock* out) {
  for (size_t i = 0; i < n; i += kBlockInputs) quantize_block(x + i, out[i / kBlockInputs]);
}

}  // namespace
}  // namespace phios
