#include "kernel/boot/cmd/read_bandwidth.h"

#include <algorithm>

#include "kernel/boot/cmd/median.h"

namespace phios {

namespace {

constexpr size_t kBytes = size_t{256} << 20;  // few caches hold it
constexpr size_t kTileWords = (size_t{1} << 20) / sizeof(uint64_t);
constexpr uint32_t kTiles = kBytes / sizeof(uint64_t) / kTileWords;
constexpr size_t kLineWords = 64 / sizeof(uint64_t);
constexpr size_t kAheadWords = (size_t{16} << 10) / sizeof(uint64_t);
constexpr int kReads = 5;

using Tile = std::span<const uint64_t, kTileWords>;

// In as many chains as a cache line has words, so that additions do not hold up the reading.
template <bool fetch_ahead>
uint64_t sum(Tile words) {
  uint64_t sums[kLineWords] = {};
  for (size_t i = 0; i < words.size(); i += kLineWords) {
    if constexpr (fetch_ahead) __builtin_prefetch(words.data() + i + kAheadWords, 0, 2);
    for (size_t c = 0; c < kLineWords; ++c) sums[c] += words[i + c];
  }
  uint64_t all = 0;
  for (const uint64_t s : sums) all += s;
  return all;
}

}  // namespace

Result<std::unique_ptr<ReadBandwidth>> ReadBandwidth::create(uint32_t threads) {
  Arena memory = TRY(Arena::create(kBytes));
  return std::unique_ptr<ReadBandwidth>(new ReadBandwidth(std::move(memory), threads));
}

ReadBandwidth::ReadBandwidth(Arena memory, uint32_t threads)
    : pool_(threads), memory_(std::move(memory)), sums_(kTiles) {
  const std::span words(static_cast<uint64_t*>(memory_.take(kBytes)), kBytes / sizeof(uint64_t));
  std::ranges::fill(words, 1);  // memory that was never written is one page of zeros
  words_ = words;
}

template <class Sum>
double ReadBandwidth::read(Sum sum) {
  const Nanos began = env_.now();
  pool_.begin();
  pool_.run(kTiles, [&](uint32_t tile, unsigned) {
    sums_[tile] += sum(Tile(words_.subspan(tile * kTileWords, kTileWords)));
  });
  pool_.end();
  return static_cast<double>(kBytes) / static_cast<double>(env_.now() - began);
}

double ReadBandwidth::measure() {
  std::vector<double> plain, ahead;
  for (int i = 0; i < kReads; ++i) {
    plain.push_back(read(sum<false>));
    ahead.push_back(read(sum<true>));
  }
  return std::max(median(plain), median(ahead));
}

}  // namespace phios
