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

}  // namespace

Result<std::unique_ptr<SwapFile>> SwapFile::create(const std::string& directory, size_t slot_bytes,
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
  Result<Reserved<Slot>> table = Reserved<Slot>::create(slots);
  if (!table) {
    ::close(fd);
    return std::unexpected(table.error());
  }
  const size_t stride = (slot_bytes + kBlock - 1) / kBlock * kBlock;
  return std::unique_ptr<SwapFile>(new SwapFile(fd, stride, std::move(*table), io));
}

SwapFile::SwapFile(int fd, size_t slot_bytes, Reserved<Slot> slots, SwapIo& io)
    : fd_(fd), slot_bytes_(slot_bytes), slots_(std::move(slots)), io_(io) {}

SwapFile::~SwapFile() { ::close(fd_); }

void SwapFile::write(uint32_t slot, KvTier tier, std::span<const std::byte> page, Done done) {
  assert(page.size() <= slot_bytes_ && slot < slots_.size());
  slots_[slot] = {XXH3_64bits(page.data(), page.size()), tier};
  io_.write(fd_, page, static_cast<int64_t>(slot * slot_bytes_),
            [slot, bytes = page.size(), done = std::move(done)](const Result<size_t>& written) {
              done(transferred(written, bytes, slot, "written"));
            });
}

void SwapFile::read(uint32_t slot, std::span<std::byte> page, Done done) {
  assert(page.size() <= slot_bytes_ && slot < slots_.size());
  io_.read(fd_, page, static_cast<int64_t>(slot * slot_bytes_),
           [slot, page, sum = slots_[slot].sum, done = std::move(done)](const Result<size_t>& got) {
             Status status = transferred(got, page.size(), slot, "read");
             if (status && XXH3_64bits(page.data(), page.size()) != sum)
               status = fail(ErrorCode::EIO_, fmt::format("swap slot {}: the checksum does not match", slot));
             done(std::move(status));
           });
}

}  // namespace phios
