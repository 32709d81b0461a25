#include "mm/swap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <cassert>
#include <cerrno>
#include <cstring>

namespace phios {
namespace {

constexpr size_t kBlock = 4096;  // slots begin on blocks of the file system

Status transferred(const Result<size_t>& done, size_t wanted, uint32_t slot, std::string_view what) {
  if (!done) return fail(ErrorCode::EIO_, fmt::format("swap slot {}: {}", slot, done.error().message));
  if (*done != wanted)
    return fail(ErrorCode::EIO_, fmt::format("swap slot {}: {} of {} bytes {}", slot, *done, wanted, what));
  return {};
}

// What has a checksum of its own in a page: a layer, or what stands behind the last.
std::span<const std::byte> part_of(const KvShape& shape, KvTier tier, std::span<const std::byte> page,
                                   uint32_t part) {
  const size_t bytes = shape.layer_bytes(tier), at = part * bytes;
  return part < shape.n_layers ? page.subspan(at, bytes) : page.subspan(at);
}

uint64_t sum_of(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

Result<std::unique_ptr<SwapFile>> SwapFile::create(const std::string& directory, KvShape shape,
                                                   uint32_t slots, SwapIo& io) {
  // Without a name it goes when the process does, however it ends.
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    std::string name = directory + "/swap.XXXXXX";
    fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0)
      return fail(ErrorCode::EIO_, fmt::format("{}: no swap file: {}", directory, std::strerror(errno)));
    ::unlink(name.c_str());
  }
  Result<Reserved<KvTier>> tiers = Reserved<KvTier>::create(slots);
  Result<Reserved<uint64_t>> sums = Reserved<uint64_t>::create(size_t{slots} * (shape.n_layers + 1));
  Result<Reserved<std::byte>> ranges = Reserved<std::byte>::create(slots * shape.all_range_bytes());
  if (!tiers || !sums || !ranges) {
    ::close(fd);
    return std::unexpected(!tiers ? tiers.error() : !sums ? sums.error() : ranges.error());
  }
  return std::unique_ptr<SwapFile>(
      new SwapFile(fd, shape, std::move(*tiers), std::move(*sums), std::move(*ranges), io));
}

SwapFile::SwapFile(int fd, KvShape shape, Reserved<KvTier> tiers, Reserved<uint64_t> sums,
                   Reserved<std::byte> ranges, SwapIo& io)
    : fd_(fd),
      shape_(shape),
      slot_bytes_((shape.frame_bytes() + kBlock - 1) / kBlock * kBlock),
      tiers_(std::move(tiers)),
      sums_(std::move(sums)),
      ranges_(std::move(ranges)),
      io_(io) {}

SwapFile::~SwapFile() { ::close(fd_); }

void SwapFile::write(uint32_t slot, KvTier tier, std::span<const std::byte> page, Done done) {
  assert(page.size() == shape_.frame_bytes(tier) && slot < tiers_.size());
  tiers_[slot] = tier;
  uint64_t* sums = &sums_[size_t{slot} * sums_of_page()];
  for (uint32_t part = 0; part < sums_of_page(); ++part)
    sums[part] = sum_of(part_of(shape_, tier, page, part));
  std::byte* ranges = &ranges_[slot * shape_.all_range_bytes()];
  for (uint32_t layer = 0; layer < shape_.n_layers; ++layer)
    for (uint32_t head = 0; head < shape_.n_kv_heads; ++head)
      std::memcpy(ranges + shape_.range_offset(layer, head),
                  page.data() + shape_.key_range_offset(tier, layer, head), shape_.range_bytes());
  io_.write(fd_, page, static_cast<int64_t>(slot * slot_bytes_),
            [slot, bytes = page.size(), done = std::move(done)](const Result<size_t>& written) {
              done(transferred(written, bytes, slot, "written"));
            });
}

void SwapFile::read(uint32_t slot, std::span<std::byte> page, Done done) {
  const KvTier tier = tiers_[slot];
  assert(page.size() == shape_.frame_bytes(tier));
  const auto is_as_written = [this, slot, tier, page] {
    const uint64_t* sums = &sums_[size_t{slot} * sums_of_page()];
    for (uint32_t part = 0; part < sums_of_page(); ++part)
      if (sum_of(part_of(shape_, tier, page, part)) != sums[part]) return false;
    return true;
  };
  read_checked(static_cast<int64_t>(slot * slot_bytes_), page, slot, is_as_written, std::move(done));
}

void SwapFile::read_layer(uint32_t slot, uint32_t layer, std::span<std::byte> bytes, Done done) {
  assert(layer < shape_.n_layers && bytes.size() == shape_.layer_bytes(tiers_[slot]));
  const auto is_as_written = [bytes, sum = sums_[size_t{slot} * sums_of_page() + layer]] {
    return sum_of(bytes) == sum;
  };
  read_checked(static_cast<int64_t>(slot * slot_bytes_ + layer * bytes.size()), bytes, slot, is_as_written,
               std::move(done));
}

void SwapFile::read_checked(int64_t at, std::span<std::byte> bytes, uint32_t slot,
                            std::function<bool()> is_as_written, Done done) {
  io_.read(fd_, bytes, at,
           [slot, wanted = bytes.size(), is_as_written = std::move(is_as_written),
            done = std::move(done)](const Result<size_t>& got) {
             Status status = transferred(got, wanted, slot, "read");
             if (status && !is_as_written())
               status = fail(ErrorCode::EIO_, fmt::format("swap slot {}: the checksum does not match", slot));
             done(std::move(status));
           });
}

}  // namespace phios
