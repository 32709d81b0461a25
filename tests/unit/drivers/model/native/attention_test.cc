// Attention against plain sums in double, for every tier and instruction set, and a row's bits against what
// else is in the batch.
#include "drivers/model/native/attention.h"
#include "drivers/model/native/attention_mass.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "kernel/base/half.h"
#include "mm/codec.h"
#include "tests/unit/drivers/model/native/attention_frames.h"
#include "tests/unit/drivers/model/native/support.h"

namespace phios {
namespace {

using testing_support::Frames;
using testing_support::relative_error;
using testing_support::some_rotations;

constexpr uint32_t kTokens = PHI_PAGE_TOKENS;
constexpr KvTier kTiers[] = {KvTier::kF16, KvTier::kInt8, KvTier::kInt4, KvTier::kInt2};

// The last `rows` positions of a context.
struct Item {
  std::vector<KvSpan> kv;
  uint32_t rows = 1;
  uint32_t seed = 1;  // of its queries
  uint32_t attend_pages = 0;
  float width = 1;  // the standard deviation of what its queries hold

  uint32_t end() const { return kv.back().first_pos + kv.back().n; }
};

struct Rig {
  const AttentionKernels& kernels;
  KvShape shape;
  uint32_t n_heads;
  unsigned threads = 1;
  uint32_t layer = 0;
  AttentionRule rule{};

  size_t width() const { return size_t{n_heads} * shape.head_dim; }
};

// Queries are drawn for each position, so that a chunk and single rows have the same.
std::vector<float> query(const Rig& s, const Item& item, uint32_t position) {
  std::mt19937 random(item.seed * 7919 + position);
  std::normal_distribution<float> normal;
  std::vector<float> q(s.width());
  for (float& x : q) x = item.width * normal(random);
  return q;
}

// Rows of outputs, item after item.
std::vector<std::vector<float>> attend(const Rig& s, std::span<const Item> items) {
  WorkerPool pool(s.threads);
  Attention attention(s.kernels, s.shape, s.n_heads, pool.threads(), s.rule);
  std::vector<PassItem> pass;
  std::vector<float> q;
  std::vector<Token> tokens(1024);
  for (const Item& item : items)
    pass.push_back({.tokens = std::span(tokens).first(item.rows),
                    .first_pos = item.end() - item.rows,
                    .kv = item.kv,
                    .attend_pages = item.attend_pages});
  attention.begin(pass);
  size_t n = 0;
  for (uint32_t i = 0; i < items.size(); ++i)
    for (uint32_t r = 0; r < items[i].rows; ++r, ++n) {
      attention.add_row(i, pass[i].first_pos + r);
      const std::vector<float> row = query(s, items[i], pass[i].first_pos + r);
      q.insert(q.end(), row.begin(), row.end());
    }
  attention.plan(pool.threads());
  std::vector<float> out(q.size());
  pool.begin();
  attention.run(s.layer, {q.data(), s.width()}, {out.data(), s.width()}, pool);
  pool.end();
  std::vector<std::vector<float>> rows;
  for (size_t r = 0; r < n; ++r)
    rows.emplace_back(out.begin() + static_cast<ptrdiff_t>(r * s.width()),
                      out.begin() + static_cast<ptrdiff_t>((r + 1) * s.width()));
  return rows;
}

void expect_reference(const Rig& s, const Frames& frames, const Item& item, double tolerance) {
  const auto rows = attend(s, {&item, 1});
  const uint32_t group = s.n_heads / s.shape.n_kv_heads, dim = s.shape.head_dim;
  for (uint32_t r = 0; r < item.rows; ++r) {
    const uint32_t position = item.end() - item.rows + r;
    const std::vector<float> q = query(s, item, position);
    for (uint32_t h = 0; h < s.n_heads; ++h) {
      const auto expected =
          frames.reference(item.kv, s.layer, h / group, q.data() + size_t{h} * dim, position, s.rule);
      EXPECT_LT(relative_error(std::span(rows[r]).subspan(size_t{h} * dim, dim), expected), tolerance)
          << s.kernels.name << ", dim " << dim << ", head " << h << ", position " << position;
    }
  }
}

double tolerance_of(KvTier tier) { return tier == KvTier::kF16 ? 1e-5 : 2e-3; }  // decode_frame rounds

class EveryVariant : public testing::TestWithParam<const Kernels*> {
 protected:
  const AttentionKernels& kernels() const { return attention_kernels(GetParam()->name); }
};

TEST_P(EveryVariant, AgreesWithPlainSumsInEveryTierAndShape) {
  bool own = GetParam()->name != "avxvnni";
#if defined(__x86_64__)
  if (GetParam()->name == "avx512")
    own = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
#endif
  EXPECT_EQ(kernels().name, own ? GetParam()->name : "avx2");
  const struct {
    uint32_t head_dim, n_kv_heads, group;
  } shapes[] = {{32, 2, 1}, {64, 2, 4}, {80, 1, 7}, {128, 2, 3}, {320, 1, 2}};
  for (const auto& [head_dim, n_kv_heads, group] : shapes)
    for (const KvTier tier : kTiers) {
      const KvShape shape{.n_layers = 2, .n_kv_heads = n_kv_heads, .head_dim = head_dim};
      Frames frames(shape, head_dim);
      Item item{.kv = {}, .rows = 3, .seed = head_dim};
      for (uint32_t pos = 0; pos < 160; pos += kTokens) item.kv.push_back(frames.add(tier, pos));
      item.kv.push_back(frames.add(KvTier::kF16, 160, 11));
      expect_reference({kernels(), shape, n_kv_heads * group, 1, 1}, frames, item, tolerance_of(tier));
    }
}

// What is rounded by its largest has none where all are zero.
TEST_P(EveryVariant, QueriesOfZerosSeeEveryPositionAlike) {
  const KvShape shape{.n_layers = 1, .n_kv_heads = 1, .head_dim = 64};
  for (const KvTier tier : kTiers) {
    Frames frames(shape);
    Item item{.kv = {}, .rows = 1, .width = 0};
    for (uint32_t pos = 0; pos < 160; pos += kTokens) item.kv.push_back(frames.add(tier, pos));
    expect_reference({kernels(), shape, 4, 1}, frames, item, tolerance_of(tier));
  }
}

TEST_P(EveryVariant, TiersHolesAndPartsOfPagesMixAlsoUnderTheModelsOwnRotations) {
  KvShape shape{.n_layers = 2, .n_kv_heads = 2, .head_dim = 64};
  const KvRotations own = some_rotations(shape);
  for (const KvRotations* rotations : {static_cast<const KvRotations*>(nullptr), &own}) {
    shape.rotations = rotations;
    Frames frames(shape);
    Item item{.kv = {}, .rows = 2};
    for (uint32_t page = 0; page < 90; ++page) {
      if (page % 7 == 3 || (page >= 16 && page < 26)) continue;  // of them a whole block
      item.kv.push_back(frames.add(kTiers[(page / 2) % 4], page * kTokens, page % 11 == 5 ? 9 : kTokens));
    }
    item.kv.push_back(frames.add(KvTier::kF16, 90 * kTokens, 5));
    expect_reference({kernels(), shape, 6, 1, 1}, frames, item, tolerance_of(KvTier::kInt2));
  }
}

// Windows that begin within a page, at a block's border and behind a whole section; a chunk longer than some.
TEST_P(EveryVariant, WindowsAndCapsAgreeWithPlainSums) {
  const KvShape shape{.n_layers = 1, .n_kv_heads = 2, .head_dim = 32};
  Frames frames(shape);
  Item item{.kv = {}, .rows = 20};
  for (uint32_t pos = 0; pos < kSectionPositions + 160; pos += kTokens)
    if (pos != 800) item.kv.push_back(frames.add(pos < 500 ? KvTier::kInt8 : KvTier::kF16, pos));
  for (const uint32_t window : {1u, 5u, kBlockPositions, kBlockPositions + 3, 1000u})
    for (const float cap : {0.0f, 2.0f})
      expect_reference({kernels(), shape, 4, 3, 0, {.scale = 0.4f, .cap = cap, .window = window}}, frames,
                       item, tolerance_of(KvTier::kInt8));
}

TEST_P(EveryVariant, ManyWorkersShareALongContextWithoutChangingABit) {
  const KvShape shape{.n_layers = 1, .n_kv_heads = 2, .head_dim = 32};
  Frames frames(shape);
  Item item{.kv = {}, .rows = 1};
  for (uint32_t pos = 0; pos < 5 * kSectionPositions; pos += kTokens)
    if (pos / kSectionPositions != 2) item.kv.push_back(frames.add(kTiers[pos / kTokens / 5 % 4], pos));
  item.kv.push_back(frames.add(KvTier::kF16, 5 * kSectionPositions, 1));
  expect_reference({kernels(), shape, 4, 3}, frames, item, tolerance_of(KvTier::kInt2));
  EXPECT_EQ(attend({kernels(), shape, 4, 3}, {&item, 1}), attend({kernels(), shape, 4, 1}, {&item, 1}));
}

// A tree of contexts: all share two blocks and a half, some four; chunks and single rows; one stands alone.
TEST_P(EveryVariant, ARowDoesNotDependOnTheBatchThatItIsIn) {
  const KvShape shape{.n_layers = 1, .n_kv_heads = 2, .head_dim = 32};
  Frames frames(shape);
  std::vector<KvSpan> trunk, branch;
  uint32_t pos = 0;
  for (; pos < 5 * kBlockPositions / 2; pos += kTokens)
    trunk.push_back(frames.add(kTiers[pos / 32 % 4], pos));
  branch = trunk;
  for (; pos < 9 * kBlockPositions; pos += kTokens) branch.push_back(frames.add(KvTier::kF16, pos));
  std::vector<Item> items;
  for (uint32_t i = 0; i < 24; ++i) {
    const std::vector<KvSpan>& from = i % 3 == 0 ? branch : trunk;
    Item item{.kv = i == 7 ? std::vector<KvSpan>() : from, .rows = i % 5 == 0 ? 20 + i : 1, .seed = i + 1};
    uint32_t at = item.kv.empty() ? 0 : item.end();
    for (uint32_t page = 0; page < 4; ++page, at += kTokens) item.kv.push_back(frames.add(KvTier::kF16, at));
    item.kv.push_back(frames.add(KvTier::kF16, at, 1 + i % kTokens));
    items.push_back(std::move(item));
  }
  for (const auto& [threads, rule] : {std::pair<unsigned, AttentionRule>{1, {}},
                                      {3, {}},
                                      {3, {.cap = 5, .window = kBlockPositions + 40}}}) {
    const auto together = attend({kernels(), shape, 6, threads, 0, rule}, items);
    size_t row = 0;
    for (const Item& item : items)
      for (uint32_t r = 0; r < item.rows; ++r, ++row) {
        Item alone = item;
        alone.rows = 1;
        // The context up to this row, as it was when the row was the newest.
        const uint32_t end = item.end() - item.rows + r + 1;
        while (alone.kv.back().first_pos >= end) alone.kv.pop_back();
        alone.kv.back().n = std::min(alone.kv.back().n, end - alone.kv.back().first_pos);
        EXPECT_EQ(attend({kernels(), shape, 6, 1, 0, rule}, {&alone, 1})[0], together[row])
            << threads << " " << row;
      }
  }
}

// The upper bound of a page's scores for one query, by the ranges of its channels.
float bound(const KvShape& shape, const KvSpan& span, uint32_t head, std::vector<float> q) {
  if (shape.rotates(span.tier)) rotate_head(q, shape.rotation(&KvRotations::queries, 0, head));
  const std::byte* ranges = span.frame + shape.key_range_offset(span.tier, 0, head);
  double sum = 0;
  for (uint32_t c = 0; c < shape.head_dim; ++c) {
    const auto scale = static_cast<double>(kv_scale(static_cast<uint8_t>(ranges[c])));
    const int zero = static_cast<int8_t>(ranges[shape.head_dim + c]);
    const auto x = static_cast<double>(q[c]);
    sum += std::max(x * scale * zero, x * scale * (zero + kRangeSteps));
  }
  return static_cast<float>(sum);
}

// Each KV head attends to the first pages, the newest, and those of the largest bound for any of its queries;
// of equal ones (some pages are here twice) to the earliest.
void expect_largest_bounds(const AttentionKernels& kernels, uint32_t group) {
  constexpr uint32_t kPages = 75, kChosen = 7, kOnce = 40, kBack = 32;
  const KvShape shape{.n_layers = 1, .n_kv_heads = 2, .head_dim = 64};
  Frames frames(shape);
  Item item{.kv = {}, .rows = 2, .seed = 5, .attend_pages = kChosen};
  for (uint32_t page = 0; page < kPages; ++page) {
    item.kv.push_back(page < kOnce ? frames.add(kTiers[page % 4], page * kTokens) : item.kv[page - kBack]);
    item.kv.back().first_pos = page * kTokens;
  }
  item.kv.push_back(frames.add(KvTier::kF16, kPages * kTokens, 5));
  const Rig rig{kernels, shape, 2 * group};
  const auto rows = attend(rig, {&item, 1});
  for (uint32_t r = 0; r < 2; ++r) {
    const uint32_t position = item.end() - 2 + r;
    const std::vector<float> q = query(rig, item, position);
    for (uint32_t head = 0; head < 2; ++head) {
      std::vector<std::pair<float, uint32_t>> bounds;
      for (uint32_t page = Attention::kFirstPages; page < item.kv.size() - Attention::kNewestPages; ++page) {
        float most = -INFINITY;
        for (uint32_t g = 0; g < group; ++g) {
          const float* from = q.data() + (head * group + g) * 64;
          most = std::max(most, bound(shape, item.kv[page], head, {from, from + 64}));
        }
        bounds.emplace_back(-most, page);
      }
      std::ranges::sort(bounds);
      std::set<uint32_t> kept;
      for (uint32_t i = 0; i < kChosen; ++i) kept.insert(bounds[i].second);
      std::vector<KvSpan> seen;
      for (uint32_t page = 0; page < item.kv.size(); ++page)
        if (page < Attention::kFirstPages || page >= item.kv.size() - Attention::kNewestPages ||
            kept.contains(page))
          seen.push_back(item.kv[page]);
      for (uint32_t h = head * group; h < (head + 1) * group; ++h)
        EXPECT_LT(relative_error(std::span(rows[r]).subspan(size_t{h} * 64, 64),
                                 frames.reference(seen, 0, head, q.data() + size_t{h} * 64, position)),
                  tolerance_of(KvTier::kInt2));
    }
  }
}

TEST_P(EveryVariant, ChosenPagesAreThoseOfTheLargestBounds) {
  for (const uint32_t group : {1u, 3u, 6u}) {
    SCOPED_TRACE(group);
    expect_largest_bounds(kernels(), group);
  }
}

TEST_P(EveryVariant, ChoosingDependsOnTheRowAlone) {
  const KvShape shape{.n_layers = 1, .n_kv_heads = 2, .head_dim = 32};
  Frames frames(shape);
  std::vector<Item> items(3);
  for (uint32_t page = 0; page < 200; ++page) {
    const KvSpan shared = frames.add(kTiers[page % 3], page * kTokens);
    for (Item& item : items) item.kv.push_back(shared);
  }
  for (uint32_t i = 0; i < 3; ++i) items[i].seed = i + 1, items[i].rows = 1 + i;
  items[0].attend_pages = 1000;  // all of them
  items[1].attend_pages = items[2].attend_pages = 20;
  for (const unsigned threads : {1u, 3u}) {
    const auto together = attend({kernels(), shape, 4, threads}, items);
    Item all = items[0];
    all.attend_pages = 0;
    EXPECT_EQ(attend({kernels(), shape, 4}, {&all, 1})[0], together[0]);
    for (uint32_t r = 0; r < 5; ++r) {
      Item alone = items[r < 2 ? 1 : 2];
      const uint32_t later = r < 2 ? 1 - r : 4 - r;  // rows of the chunk behind this one
      alone.rows = 1;
      alone.kv.back().n -= later;
      EXPECT_EQ(attend({kernels(), shape, 4}, {&alone, 1})[0], together[1 + r]) << r;
    }
  }
}

TEST_P(EveryVariant, RotationAndKeyRangesAreTheCodecs) {
  for (const uint32_t dim : {32u, 64u, 80u, 128u}) {
    const KvShape shape{.n_layers = 1, .n_kv_heads = 1, .head_dim = dim};
    Frames frames(shape, dim);
    const KvSpan span = frames.add(KvTier::kF16, 0);
    for (uint32_t t = 0; t < kTokens; ++t) frames.key(span.frame, 0, 0, t, 3) = f32_to_f16(40);
    std::vector<std::byte> expected(shape.range_bytes()), ranges(shape.range_bytes());
    const auto* keys = reinterpret_cast<const uint16_t*>(span.frame);
    write_key_ranges(keys, dim, expected.data());
    kernels().key_ranges(keys, dim, ranges.data());
    EXPECT_EQ(ranges, expected);
    std::vector<float> x(dim), y, z(dim);
    for (uint32_t i = 0; i < dim; ++i) x[i] = std::sin(static_cast<float>(i * i));
    const KvRotations own = some_rotations(shape);
    for (const float* matrix : {static_cast<const float*>(nullptr), own.queries.data()}) {
      y = x;
      rotate_head(y, matrix);
      kernels().rotate(x.data(), matrix, dim, z.data());
      EXPECT_LT(relative_error(z, y), 1e-6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryVariant, testing::ValuesIn(supported_kernels()),
                         [](const auto& param) { return std::string(param.param->name); });

// What store() and complete() leave behind: keys by channel, values by position, and the ranges of full
// pages.
TEST_P(EveryVariant, MassesAreThePagesSharesOfPlainSums) {
  const KvShape shape{.n_layers = 1, .n_kv_heads = 2, .head_dim = 32};
  const Rig rig{attention_kernels(GetParam()->name), shape, 4, 2};
  Frames frames(shape);
  Item item{.kv = {frames.add(KvTier::kF16, 0), frames.add(KvTier::kInt2, kTokens),
                   frames.add(KvTier::kInt8, 4 * kTokens)},
            .rows = 19};
  for (uint32_t i = 5; i < 8; ++i)
    item.kv.push_back(frames.add(KvTier::kF16, i * kTokens, i == 7 ? 5 : kTokens));
  const AttentionRule rule{.cap = 5, .window = 100};
  std::vector<PageMass> masses(8, {.total = 1, .recent = 1}), expected(8);
  std::vector<float> q;
  for (PageMass& mass : expected) mass = {1, std::pow(kMassFade, static_cast<float>(item.rows))};
  for (uint32_t r = 0; r < item.rows; ++r) {
    const uint32_t position = item.end() - item.rows + r;
    const std::vector<float> row = query(rig, item, position);
    q.insert(q.end(), row.begin(), row.end());
    for (uint32_t h = 0; h < rig.n_heads; ++h)
      for (const auto& one :
           frames.seen(item.kv, rig.layer, h / 2, row.data() + size_t{h} * shape.head_dim, position, rule)) {
        const float share = static_cast<float>(one.weight) / static_cast<float>(rig.n_heads);
        PageMass& mass = expected[item.kv[one.page].first_pos / kTokens];
        mass.total += share;
        mass.recent += share * std::pow(kMassFade, static_cast<float>(item.rows - 1 - r));
      }
  }
  const std::vector<Token> tokens(item.rows);
  const PassItem pass{.tokens = tokens, .first_pos = item.end() - item.rows, .kv = item.kv, .masses = masses};
  AttentionMass mass(rig.kernels, shape, rig.n_heads, shape.n_layers, rig.threads);
  WorkerPool pool(rig.threads);
  pool.begin();
  mass.add(0, {&pass, 1}, {q.data(), rig.width()}, rule, &pool);
  pool.end();
  for (size_t p = 0; p < masses.size(); ++p) {
    EXPECT_NEAR(masses[p].total, expected[p].total, 2e-3) << "page " << p;
    EXPECT_NEAR(masses[p].recent, expected[p].recent, 2e-3) << "page " << p;
  }
  EXPECT_GT(masses[7].total, 1.2f);
}

TEST(Attention, MassesAreTakenInEveryFourthLayerFromTheLast) {
  const AttentionMass mass(attention_kernels("portable"), {.n_layers = 6, .n_kv_heads = 1, .head_dim = 32}, 1,
                           6, 1);
  for (uint32_t layer = 0; layer < 6; ++layer) EXPECT_EQ(mass.looks_at(layer), layer == 1 || layer == 5);
}

TEST(Attention, StoresRowsAndSumsUpFullPages) {
  const KvShape shape{.n_layers = 2, .n_kv_heads = 2, .head_dim = 32};
  Frames frames(shape);
  const Kernels& kernels = best_kernels();
  for (const uint32_t chunk : {1u, 40u}) {
    WorkerPool pool(2);
    Attention attention(attention_kernels(kernels.name), shape, 2, pool.threads());
    std::vector<KvSpan> kv = {frames.add(KvTier::kF16, 0), frames.add(KvTier::kF16, 16),
                              frames.add(KvTier::kF16, 32, 8)};
    const std::vector<Token> tokens(chunk);
    const auto element = [](uint32_t position, uint32_t i) {
      return std::sin(static_cast<float>(position * 64 + i));
    };
    for (uint32_t first = 0; first < 40; first += chunk) {
      const PassItem item{.tokens = tokens, .first_pos = first, .kv = kv};
      attention.begin({&item, 1});
      for (uint32_t r = 0; r < chunk; ++r) attention.add_row(0, first + r);
      attention.plan(1);
      for (uint32_t r = 0; r < chunk; ++r) {
        std::vector<float> k(64), v(64);
        for (uint32_t i = 0; i < 64; ++i) k[i] = element(first + r, i), v[i] = -k[i];
        attention.store(1, r, kernels, k.data(), v.data());
      }
      attention.complete(1, pool);
    }
    for (uint32_t position = 0; position < 40; ++position)
      for (uint32_t i = 0; i < 64; ++i) {
        std::byte* frame = kv[position / kTokens].frame;
        const uint16_t half = f32_to_f16(element(position, i));
        EXPECT_EQ(frames.key(frame, 1, i / 32, position % kTokens, i % 32), half);
        EXPECT_EQ(frames.value(frame, 1, i / 32, position % kTokens, i % 32), half ^ 0x8000);
      }
    for (uint32_t page = 0; page < 2; ++page)
      for (uint32_t head = 0; head < 2; ++head) {
        std::vector<std::byte> expected(shape.range_bytes());
        write_key_ranges(&frames.key(kv[page].frame, 1, head, 0, 0), 32, expected.data());
        const std::byte* ranges = kv[page].frame + shape.key_range_offset(KvTier::kF16, 1, head);
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(), ranges)) << chunk;
      }
  }
}

}  // namespace
}  // namespace phios
