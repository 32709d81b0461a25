// GgufWriter: a GGUF v3 file in memory, from metadata and tensors in the order given.
//
// Ownership: copies what it is given. Threads: one. Order of calls: copy_metadata() if at all, keys and
// tensors in any order, then finish() once. Errors: none: what is written is our own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/model/native/gguf.h"

namespace phios {

class GgufWriter {
 public:
  // The metadata of another file, its alignment included, but for keys of `without` and what tells of shards.
  void copy_metadata(const Gguf& file, std::span<const std::string> without = {});
  void string(std::string_view key, std::string_view value);
  void uint32(std::string_view key, uint32_t value);
  void float32(std::string_view key, float value);
  void boolean(std::string_view key, bool value);
  void strings(std::string_view key, std::span<const std::string> values);
  void float32s(std::string_view key, std::span<const float> values);
  void int32s(std::string_view key, std::span<const int32_t> values);
  // shape[0] is a row's length; bytes are the type's blocks.
  void tensor(std::string_view name, GgmlType type, std::vector<uint64_t> shape,
              std::span<const std::byte> bytes);
  std::vector<std::byte> finish();

 private:
  void key(std::string_view name, GgufType type);
  void array(std::string_view name, GgufType element, uint64_t count);

  static void align(std::vector<std::byte>& out, size_t alignment);

  uint64_t n_keys_ = 0, n_tensors_ = 0;
  size_t alignment_ = Gguf::kAlignmentDefault;
  std::vector<std::byte> metadata_, infos_, data_;
};

}  // namespace phios
