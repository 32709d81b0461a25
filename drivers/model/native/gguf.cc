#include "drivers/model/native/gguf.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <iterator>
#include <numeric>
#include <utility>

#include "drivers/model/native/gguf_format.h"

namespace phios {

using gguf_format::load;
using gguf_format::load_string;
using gguf_format::quoted;
using gguf_format::scalar_bytes;
using gguf_format::type_name;

static_assert(std::endian::native == std::endian::little, "GGUF is read in place");

namespace {

constexpr GgmlTypeInfo kTypes[] = {
    {GgmlType::kF32, "F32", 1, 4},       {GgmlType::kF16, "F16", 1, 2},
    {GgmlType::kQ4_0, "Q4_0", 32, 18},   {GgmlType::kQ4_1, "Q4_1", 32, 20},
    {GgmlType::kQ5_0, "Q5_0", 32, 22},   {GgmlType::kQ5_1, "Q5_1", 32, 24},
    {GgmlType::kQ8_0, "Q8_0", 32, 34},   {GgmlType::kQ4_K, "Q4_K", 256, 144},
    {GgmlType::kQ5_K, "Q5_K", 256, 176}, {GgmlType::kQ6_K, "Q6_K", 256, 210},
    {GgmlType::kBF16, "BF16", 1, 2},
};

bool load_integer(std::span<const std::byte> bytes, GgufType type, uint64_t offset, int64_t& value) {
  switch (type) {
    case GgufType::kUint8:
      value = load<uint8_t>(bytes, offset);
      return true;
    case GgufType::kInt8:
      value = load<int8_t>(bytes, offset);
      return true;
    case GgufType::kUint16:
      value = load<uint16_t>(bytes, offset);
      return true;
    case GgufType::kInt16:
      value = load<int16_t>(bytes, offset);
      return true;
    case GgufType::kUint32:
      value = load<uint32_t>(bytes, offset);
      return true;
    case GgufType::kInt32:
      value = load<int32_t>(bytes, offset);
      return true;
    case GgufType::kInt64:
      value = load<int64_t>(bytes, offset);
      return true;
    case GgufType::kUint64: {
      const auto wide = load<uint64_t>(bytes, offset);
      value = static_cast<int64_t>(wide);
      return wide <= INT64_MAX;
    }
    default:
      return false;
  }
}

bool load_number(std::span<const std::byte> bytes, GgufType type, uint64_t offset, double& value) {
  if (type == GgufType::kFloat32) return value = load<float>(bytes, offset), true;
  if (type == GgufType::kFloat64) return value = load<double>(bytes, offset), true;
  int64_t integer = 0;
  if (!load_integer(bytes, type, offset, integer)) return false;
  value = static_cast<double>(integer);
  return true;
}

}  // namespace

const GgmlTypeInfo* ggml_type_info(uint32_t type) {
  const auto* found = std::ranges::find(kTypes, static_cast<GgmlType>(type), &GgmlTypeInfo::type);
  return found == std::end(kTypes) ? nullptr : found;
}

const GgmlTypeInfo* ggml_type_named(std::string_view name) {
  const auto same = [](char a, char b) { return a == (b >= 'a' && b <= 'z' ? b - 'a' + 'A' : b); };
  const auto* found = std::ranges::find_if(
      kTypes, [&](const GgmlTypeInfo& t) { return std::ranges::equal(t.name, name, same); });
  return found == std::end(kTypes) ? nullptr : found;
}

Result<Gguf> Gguf::parse(std::span<const std::byte> bytes, std::string name) {
  Gguf file;
  file.name_ = std::move(name);
  file.bytes_ = bytes;
  TRY(read_gguf(file));
  if (TRY(file.uint_or("split.count", 0)) > 1)
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: at byte {}: one of several files; those are opened by their path",
                            file.name_, file.find("split.count")->offset));
  return file;
}

Result<Gguf> Gguf::open(const std::string& path) {
  Gguf file = TRY(open_one(path));
  TRY(file.open_shards());
  return file;
}

Result<Gguf> Gguf::open_one(const std::string& path) {
  const auto io = [&](const char* what) {
    return fail(ErrorCode::EIO_, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io("cannot open the model file");
  struct stat st{};
  void* memory = MAP_FAILED;
  const bool known = ::fstat(fd, &st) == 0;
  const bool regular = known && S_ISREG(st.st_mode) && st.st_size > 0;
  if (regular) memory = ::mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!known) return io("cannot read the model file");
  if (!regular) return fail(ErrorCode::EPARSE_, path + ": at byte 0: an empty file, or none that holds data");
  if (memory == MAP_FAILED) return io("cannot map the model file");
  Gguf file;  // from here on the mapping has an owner
  file.name_ = path;
  file.bytes_ = {static_cast<const std::byte*>(memory), static_cast<size_t>(st.st_size)};
  file.mapped_ = true;
  TRY(read_gguf(file));
  return file;
}

Gguf::Gguf(Gguf&& other) noexcept { *this = std::move(other); }

Gguf& Gguf::operator=(Gguf&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  name_ = std::move(other.name_);
  bytes_ = std::exchange(other.bytes_, {});
  mapped_ = std::exchange(other.mapped_, false);
  version_ = other.version_;
  entries_ = std::move(other.entries_);
  tensors_ = std::move(other.tensors_);
  by_name_ = std::move(other.by_name_);
  shards_ = std::move(other.shards_);
  return *this;
}

Gguf::~Gguf() { unmap(); }

void Gguf::unmap() noexcept {
  // munmap takes a void*, though the mapping was only ever read.
  if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  mapped_ = false;
}

const Gguf::Entry* Gguf::find(std::string_view key) const {
  const auto it = std::ranges::lower_bound(entries_, key, {}, &Entry::key);
  return it != entries_.end() && it->key == key ? &*it : nullptr;
}

const GgufTensor* Gguf::find_tensor(std::string_view tensor) const {
  const auto it =
      std::ranges::lower_bound(by_name_, tensor, {}, [&](uint32_t i) { return tensors_[i].name; });
  return it != by_name_.end() && tensors_[*it].name == tensor ? &tensors_[*it] : nullptr;
}

std::optional<uint32_t> Gguf::sort_tensors() {
  const auto name_of = [&](uint32_t i) { return tensors_[i].name; };
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  std::ranges::sort(by_name_, {}, name_of);
  const auto twin = std::ranges::adjacent_find(by_name_, {}, name_of);
  return twin == by_name_.end() ? std::nullopt : std::optional(*twin);
}

std::vector<Gguf::RawEntry> Gguf::raw_entries() const {
  std::vector<RawEntry> out;
  for (const Entry& e : entries_) out.push_back({e.key, bytes_.subspan(e.begin, e.end - e.begin)});
  std::ranges::sort(out, {}, [](const RawEntry& e) { return e.bytes.data(); });
  return out;
}

Result<const GgufTensor*> Gguf::tensor(std::string_view tensor, uint64_t n_in, uint64_t n_out) const {
  const GgufTensor* t = find_tensor(tensor);
  if (!t) return fail(ErrorCode::EPARSE_, fmt::format("{}: the tensor {} is missing", name_, tensor));
  if (t->shape[0] != n_in || t->shape[1] != n_out || t->shape[2] != 1 || t->shape[3] != 1)
    return fail(ErrorCode::EPARSE_,
                fmt::format("{}: the tensor {} has the shape {} × {} × {} × {}; {} × {} was expected", name_,
                            tensor, t->shape[0], t->shape[1], t->shape[2], t->shape[3], n_in, n_out));
  return t;
}

Result<const Gguf::Entry*> Gguf::get(std::string_view key) const {
  const Entry* e = find(key);
  if (!e) return fail(ErrorCode::ENOENT_, fmt::format("{}: the metadata key {} is missing", name_, key));
  return e;
}

Result<const Gguf::Entry*> Gguf::get_array(std::string_view key) const {
  const Entry* e = TRY(get(key));
  if (e->type != GgufType::kArray) return mismatch(*e, "an array");
  return e;
}

std::unexpected<Error> Gguf::mismatch(const Entry& e, std::string_view wanted) const {
  const bool array = e.type == GgufType::kArray;
  return fail(ErrorCode::EINVAL_,
              fmt::format("{}: at byte {}: the metadata key {} holds {}{}, {} was expected", name_, e.offset,
                          quoted(e.key), array ? "an array of " : "a value of type ",
                          type_name(array ? e.element : e.type), wanted));
}

Result<std::string_view> Gguf::string(std::string_view key) const {
  const Entry* e = TRY(get(key));
  if (e->type != GgufType::kString) return mismatch(*e, "a string");
  uint64_t offset = e->offset;
  return load_string(bytes_, offset);
}

Result<int64_t> Gguf::integer(std::string_view key) const {
  const Entry* e = TRY(get(key));
  int64_t value = 0;
  if (!load_integer(bytes_, e->type, e->offset, value)) return mismatch(*e, "an integer of at most 63 bits");
  return value;
}

Result<uint64_t> Gguf::uint(std::string_view key) const {
  const Entry* e = TRY(get(key));
  int64_t value = 0;
  if (!load_integer(bytes_, e->type, e->offset, value) || value < 0)
    return mismatch(*e, "an integer from 0 up");
  return static_cast<uint64_t>(value);
}

Result<double> Gguf::number(std::string_view key) const {
  const Entry* e = TRY(get(key));
  double value = 0;
  if (!load_number(bytes_, e->type, e->offset, value) || !std::isfinite(value))
    return mismatch(*e, "a finite number");
  return value;
}

Result<bool> Gguf::boolean(std::string_view key) const {
  const Entry* e = TRY(get(key));
  if (e->type != GgufType::kBool) return mismatch(*e, "a boolean");
  return load<uint8_t>(bytes_, e->offset) != 0;
}

Result<std::vector<std::string_view>> Gguf::strings(std::string_view key) const {
  const Entry* e = TRY(get_array(key));
  if (e->element != GgufType::kString) return mismatch(*e, "an array of strings");
  std::vector<std::string_view> out;
  out.reserve(e->count);
  uint64_t offset = e->offset;
  for (uint64_t i = 0; i < e->count; ++i) out.push_back(load_string(bytes_, offset));
  return out;
}

Result<std::vector<int64_t>> Gguf::integers(std::string_view key) const {
  const Entry* e = TRY(get_array(key));
  std::vector<int64_t> out(e->count);
  for (uint64_t i = 0; i < e->count; ++i)
    if (!load_integer(bytes_, e->element, e->offset + i * scalar_bytes(e->element), out[i]))
      return mismatch(*e, "an array of integers");
  return out;
}

Result<std::vector<float>> Gguf::floats(std::string_view key) const {
  const Entry* e = TRY(get_array(key));
  std::vector<float> out(e->count);
  for (uint64_t i = 0; i < e->count; ++i) {
    double value = 0;
    if (!load_number(bytes_, e->element, e->offset + i * scalar_bytes(e->element), value))
      return mismatch(*e, "an array of numbers");
    out[i] = static_cast<float>(value);
  }
  return out;
}

Result<std::string_view> Gguf::string_or(std::string_view key, std::string_view absent) const {
  return has(key) ? string(key) : absent;
}
Result<uint64_t> Gguf::uint_or(std::string_view key, uint64_t absent) const {
  return has(key) ? uint(key) : absent;
}
Result<int64_t> Gguf::integer_or(std::string_view key, int64_t absent) const {
  return has(key) ? integer(key) : absent;
}
Result<double> Gguf::number_or(std::string_view key, double absent) const {
  return has(key) ? number(key) : absent;
}
Result<bool> Gguf::boolean_or(std::string_view key, bool absent) const {
  return has(key) ? boolean(key) : absent;
}

}  // namespace phios
