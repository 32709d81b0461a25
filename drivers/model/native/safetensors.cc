#include "drivers/model/native/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "drivers/model/native/gguf_format.h"
#include "drivers/model/native/json_text.h"
#include "kernel/base/half.h"

namespace phios {

namespace {

using Json = nlohmann::json;

struct TypeName {
  std::string_view name;
  SafeTensor::Type type;
  uint64_t bytes;
};
constexpr TypeName kTypes[] = {{"F32", SafeTensor::Type::kF32, 4},
                               {"F16", SafeTensor::Type::kF16, 2},
                               {"BF16", SafeTensor::Type::kBF16, 2},
                               {"I64", SafeTensor::Type::kI64, 8}};  // tables of positions

// The tensor that `entry` describes, or what is wrong with it.
std::expected<SafeTensor, std::string> read_tensor(const Json& entry, std::span<const std::byte> data) {
  const auto wrong = [](const std::string& what) { return std::unexpected(what); };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string())
    return wrong("has no dtype");
  const std::string dtype = entry["dtype"].get<std::string>();
  const auto* type = std::ranges::find(kTypes, dtype, &TypeName::name);
  if (type == std::end(kTypes))
    return wrong("has the type " + gguf_format::quoted(dtype) + "; F32, F16, BF16 and I64 are read");
  const auto unsigned_at = [&](const Json& list, size_t i) { return list[i].is_number_unsigned(); };
  const Json shape = entry.value("shape", Json()), offsets = entry.value("data_offsets", Json());
  if (!shape.is_array() || shape.empty() || shape.size() > Safetensors::kDimsMax)
    return wrong(fmt::format("has no shape of 1 to {} dimensions", Safetensors::kDimsMax));
  SafeTensor t{.type = type->type, .shape = {}, .elements = 1, .data = {}};
  for (size_t i = 0; i < shape.size(); ++i) {
    const uint64_t n = unsigned_at(shape, i) ? shape[i].get<uint64_t>() : 0;
    if (n == 0 || n > Safetensors::kElementsMax / t.elements)
      return wrong(fmt::format("dimension {} is no number from 1 up, or the whole is too large", i));
    t.shape.push_back(n);
    t.elements *= n;
  }
  if (!offsets.is_array() || offsets.size() != 2 || !unsigned_at(offsets, 0) || !unsigned_at(offsets, 1))
    return wrong("has no two data_offsets");
  const auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  if (begin > end || end > data.size())
    return wrong(fmt::format("lies at {} to {}, the file holds {} bytes of data", begin, end, data.size()));
  if (end - begin != t.elements * type->bytes)
    return wrong(fmt::format("has {} bytes, its shape asks for {}", end - begin, t.elements * type->bytes));
  t.data = data.subspan(begin, end - begin);
  return t;
}

}  // namespace

std::vector<float> SafeTensor::floats() const {
  std::vector<float> out(elements);
  if (type == Type::kF32) {
    std::memcpy(out.data(), data.data(), data.size());
    return out;
  }
  for (uint64_t i = 0; i < elements; ++i) {
    if (type == Type::kI64) {
      out[i] = static_cast<float>(gguf_format::load<int64_t>(data, 8 * i));
      continue;
    }
    const auto half = gguf_format::load<uint16_t>(data, 2 * i);
    out[i] = type == Type::kF16 ? f16_to_f32(half) : bf16_to_f32(half);
  }
  return out;
}

Result<Safetensors> Safetensors::open(const std::string& path) {
  const auto io = [&](const char* what) {
    return fail(ErrorCode::EIO_, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io("cannot open the file");
  struct stat st{};
  const bool regular = ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
  void* memory = MAP_FAILED;
  if (regular) memory = ::mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (!regular) return fail(ErrorCode::EPARSE_, path + ": an empty file, or none that holds data");
  if (memory == MAP_FAILED) return io("cannot map the file");
  Safetensors file;
  file.name_ = path;
  file.bytes_ = {static_cast<const std::byte*>(memory), static_cast<size_t>(st.st_size)};
  file.mapped_ = true;
  TRY(file.read());
  return file;
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> bytes, std::string name) {
  Safetensors file;
  file.name_ = std::move(name);
  file.bytes_ = bytes;
  TRY(file.read());
  return file;
}

Safetensors::Safetensors(Safetensors&& other) noexcept { *this = std::move(other); }

Safetensors& Safetensors::operator=(Safetensors&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  std::swap(tensors_, other.tensors_);
  return *this;
}

Safetensors::~Safetensors() {
  // munmap takes a void*, though the mapping was only ever read.
  if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Status Safetensors::read() {
  constexpr uint64_t kLength = sizeof(uint64_t);
  const uint64_t length = bytes_.size() < kLength ? 0 : gguf_format::load<uint64_t>(bytes_, 0);
  if (length < 2 || length > kHeaderMax || length > bytes_.size() - kLength)
    return fail(ErrorCode::EPARSE_, fmt::format("{}: no safetensors file: a header of {} bytes in one of {}",
                                                name_, length, bytes_.size()));
  return read_header({reinterpret_cast<const char*>(bytes_.data()) + kLength, length},
                     bytes_.subspan(kLength + length));
}

Status Safetensors::read_header(std::string_view header, std::span<const std::byte> data) {
  const Json json = parse_json_text(header);
  if (!json.is_object()) return fail(ErrorCode::EPARSE_, name_ + ": the header is no JSON object");
  for (const auto& [tensor, entry] : json.items()) {
    if (tensor == "__metadata__") continue;
    auto read = read_tensor(entry, data);
    if (!read)
      return fail(ErrorCode::EPARSE_,
                  fmt::format("{}: the tensor {} {}", name_, gguf_format::quoted(tensor), read.error()));
    tensors_.emplace(tensor, std::move(*read));
  }
  return {};
}

}  // namespace phios
