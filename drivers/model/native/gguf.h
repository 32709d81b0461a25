// Gguf: a GGUF file, read and checked as a whole: every count, length, offset, type and bound, before
// anything is used. A model in several files (NAME-00001-of-00003.gguf …) is opened by its first.
//
// Ownership: owns its mapping if it was opened from a path, borrows if it was parsed from memory; every view
// and span that it gives out lives as long as that memory. Threads: immutable once made, any thread. Units:
// bytes, elements. Errors: EIO_ (cannot be opened), EPARSE_ (names the field and its byte offset), ENOENT_
// (no such key or tensor), EINVAL_ (the key holds another type, or the value does not fit).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

// The tensor types that this engine reads, with ggml's numbers.
enum class GgmlType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kBF16 = 30,
};

struct GgmlTypeInfo {
  GgmlType type;
  std::string_view name;
  uint32_t block_elements;
  uint32_t block_bytes;
};

// nullptr: not one that this engine reads.
const GgmlTypeInfo* ggml_type_info(uint32_t type);
// The same by name, in capitals or not: "Q4_0", "q4_0".
const GgmlTypeInfo* ggml_type_named(std::string_view name);

// Metadata value types, with GGUF's numbers.
enum class GgufType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

struct GgufTensor {
  static constexpr uint32_t kDimsMax = 4;

  std::string_view name;
  GgmlType type = GgmlType::kF32;
  uint32_t n_dims = 0;
  std::array<uint64_t, kDimsMax> shape{1, 1, 1, 1};  // shape[0] is a row's length, as ggml counts
  uint64_t elements = 0;
  std::span<const std::byte> data;  // need not be aligned

  uint64_t rows() const { return shape[1] * shape[2] * shape[3]; }
};

class Gguf {
 public:
  static constexpr uint64_t kKeyBytesMax = 65535;
  static constexpr uint64_t kTensorNameMax = 255;
  static constexpr uint64_t kAlignmentDefault = 32;
  static constexpr uint64_t kAlignmentMax = 1u << 16;
  static constexpr uint64_t kElementsMax = uint64_t{1} << 44;  // of one tensor
  static constexpr uint64_t kShardsMax = 1024;

  static Result<Gguf> open(const std::string& path);
  // Borrows `bytes`. `name` stands for the path in messages.
  static Result<Gguf> parse(std::span<const std::byte> bytes, std::string name);

  Gguf(Gguf&& other) noexcept;
  Gguf& operator=(Gguf&& other) noexcept;
  ~Gguf();

  const std::string& name() const { return name_; }
  uint64_t file_bytes() const;  // of all shards
  uint64_t n_shards() const { return 1 + shards_.size(); }
  std::span<const std::byte> bytes() const { return bytes_; }  // the whole file, of several the first
  uint32_t version() const { return version_; }
  // The metadata as it stands in the file, key by key: a key with its value, encoded.
  struct RawEntry {
    std::string_view key;
    std::span<const std::byte> bytes;
  };
  std::vector<RawEntry> raw_entries() const;

  // Typed metadata. Integers of any width convert where the value fits; a number of any kind reads as double.
  bool has(std::string_view key) const { return find(key) != nullptr; }
  Result<std::string_view> string(std::string_view key) const;
  Result<uint64_t> uint(std::string_view key) const;
  Result<int64_t> integer(std::string_view key) const;
  Result<double> number(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;
  // Arrays; each call builds the vector anew.
  Result<std::vector<std::string_view>> strings(std::string_view key) const;
  Result<std::vector<int64_t>> integers(std::string_view key) const;
  Result<std::vector<float>> floats(std::string_view key) const;

  // The same with a value for an absent key; a key that holds another type stays an error.
  Result<std::string_view> string_or(std::string_view key, std::string_view absent) const;
  Result<uint64_t> uint_or(std::string_view key, uint64_t absent) const;
  Result<int64_t> integer_or(std::string_view key, int64_t absent) const;
  Result<double> number_or(std::string_view key, double absent) const;
  Result<bool> boolean_or(std::string_view key, bool absent) const;

  std::span<const GgufTensor> tensors() const { return tensors_; }  // in the file's order
  const GgufTensor* find_tensor(std::string_view name) const;       // nullptr: none of that name
  // The matrix [n_out][n_in] of that name, or the vector where n_out is 1; EPARSE_ where it is missing or of
  // another shape.
  Result<const GgufTensor*> tensor(std::string_view name, uint64_t n_in, uint64_t n_out) const;

 private:
  friend class GgufReader;  // of gguf_reader.cc
  struct Entry {
    std::string_view key;
    GgufType type = GgufType::kUint8;     // kArray: of `element`
    GgufType element = GgufType::kUint8;  // of an array
    uint64_t count = 0;                   // of an array's elements
    uint64_t offset = 0;                  // of the value (of an array: of its first element)
    uint64_t begin = 0, end = 0;          // of the whole entry
  };

  Gguf() = default;
  const Entry* find(std::string_view key) const;
  Result<const Entry*> get(std::string_view key) const;
  Result<const Entry*> get_array(std::string_view key) const;
  std::unexpected<Error> mismatch(const Entry& entry, std::string_view wanted) const;
  void unmap() noexcept;
  std::optional<uint32_t> sort_tensors();  // one that has the name of another, if there is one
  static Result<Gguf> open_one(const std::string& path);
  Status open_shards();  // gguf_shards.cc
  Status add_shard(uint64_t index, const std::string& path, uint64_t count);

  std::string name_;
  std::span<const std::byte> bytes_;
  bool mapped_ = false;
  uint32_t version_ = 0;
  std::vector<Entry> entries_;  // sorted by key
  std::vector<GgufTensor> tensors_;
  std::vector<uint32_t> by_name_;  // indices into tensors_, sorted by name
  std::vector<Gguf> shards_;       // the files beside this one, whose tensors are in tensors_
};

}  // namespace phios
