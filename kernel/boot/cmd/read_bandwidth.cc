#include "kernel/boot/cmd/read_bandwidth.h"

#include <span>

#include "kernel/boot/cmd/median.h"

namespace phios {

namespace {

constexpr size_t kBytes = size_t{256} << 20;  // no cache holds it
constexpr size_t kTileWords = (size_t{1} << 20) / sizeof(uint64_t);
constexpr uint32_t kTiles = kBytes / sizeof(uint64_t) / kTileWords;
constexpr int kReads = 5;

// In as many chains as a cache line has words, so that additions do not hold up the reading.
uint64_t sum(std::span<const uint64_t, kTileWords> words) {
  constexpr size_t kChains = 8;
  uint64_t sums[kChains] = {};
  for (size_t i = 0; i < words.size(); i += kChains)
    for (size_t c = 0; c < kChains; ++c) sums[c] += words[i + c];
  uint64_t all = 0;
  for (const uint64_t s : sums) all += s;
  return all;
}

}  // namespace

ReadBandwidth::ReadBandwidth(uint32_t threads)
    : pool_(threads), memory_(kTiles * kTileWords, 1), sums_(kTiles) {}

double ReadBandwidth::measure() {
  std::vector<double> reads;
  for (int i = 0; i < kReads; ++i) {
    const Nanos began = env_.now();
    pool_.begin();
    pool_.run(kTiles, [&](uint32_t tile, unsigned) {
      sums_[tile] +=
          sum(std::span<const uint64_t, kTileWords>(memory_.data() + tile * kTileWords, kTileWords));
    });
    pool_.end();
    reads.push_back(static_cast<double>(kBytes) / static_cast<double>(env_.now() - began));
  }
  return median(reads);
}

}  // namespace phios
