// Safetensors: a safetensors file, its header read and checked: eight bytes of length, that much JSON (for
// each tensor its type, shape and place), then the tensors' bytes.
//
// Ownership: owns its mapping if it was opened from a path, borrows if it was parsed from memory; spans live
// as long as that memory. Threads: immutable once made. Errors: EIO_ (cannot be opened), EPARSE_ (names the
// file and the tensor).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

struct SafeTensor {
  enum class Type : uint8_t { kF32, kF16, kBF16, kI64 };

  Type type = Type::kF32;
  std::vector<uint64_t> shape;  // shape.back() is a row's length
  uint64_t elements = 0;
  std::span<const std::byte> data;  // need not be aligned

  std::vector<float> floats() const;
};

class Safetensors {
 public:
  static constexpr uint64_t kHeaderMax = 100'000'000;  // bytes, as the format's authors have it
  static constexpr size_t kDimsMax = 4;
  static constexpr uint64_t kElementsMax = uint64_t{1} << 40;  // of one tensor

  static Result<Safetensors> open(const std::string& path);
  static Result<Safetensors> parse(std::span<const std::byte> bytes, std::string name);

  Safetensors(Safetensors&& other) noexcept;
  Safetensors& operator=(Safetensors&& other) noexcept;
  ~Safetensors();

  const std::map<std::string, SafeTensor>& tensors() const { return tensors_; }

 private:
  Safetensors() = default;
  Status read();
  Status read_header(std::string_view header, std::span<const std::byte> data);

  std::string name_;
  std::span<const std::byte> bytes_;
  bool mapped_ = false;
  std::map<std::string, SafeTensor> tensors_;
};

}  // namespace phios
