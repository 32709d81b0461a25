#include "drivers/model/native/gguf_writer.h"

#include <algorithm>

namespace phios {

namespace {

constexpr uint32_t kVersion = 3;

template <class T>
void put(std::vector<std::byte>& out, const T& value) {
  const auto* p = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), p, p + sizeof value);
}

void put_bytes(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_text(std::vector<std::byte>& out, std::string_view text) {
  put<uint64_t>(out, text.size());
  put_bytes(out, std::as_bytes(std::span(text)));
}

}  // namespace

void GgufWriter::align(std::vector<std::byte>& out, size_t alignment) {
  out.resize((out.size() + alignment - 1) / alignment * alignment);
}

void GgufWriter::copy_metadata(const Gguf& file, std::span<const std::string> without) {
  for (const auto& [name, bytes] : file.raw_entries()) {
    if (name.starts_with("split.") || std::ranges::find(without, name) != without.end()) continue;
    ++n_keys_;
    put_bytes(metadata_, bytes);
  }
  alignment_ = file.uint_or("general.alignment", Gguf::kAlignmentDefault).value_or(Gguf::kAlignmentDefault);
}

void GgufWriter::key(std::string_view name, GgufType type) {
  ++n_keys_;
  put_text(metadata_, name);
  put(metadata_, type);
}

void GgufWriter::array(std::string_view name, GgufType element, uint64_t count) {
  key(name, GgufType::kArray);
  put(metadata_, element);
  put(metadata_, count);
}

void GgufWriter::string(std::string_view name, std::string_view value) {
  key(name, GgufType::kString);
  put_text(metadata_, value);
}

void GgufWriter::uint32(std::string_view name, uint32_t value) {
  key(name, GgufType::kUint32);
  put(metadata_, value);
}

void GgufWriter::float32(std::string_view name, float value) {
  key(name, GgufType::kFloat32);
  put(metadata_, value);
}

void GgufWriter::boolean(std::string_view name, bool value) {
  key(name, GgufType::kBool);
  put(metadata_, static_cast<uint8_t>(value));
}

void GgufWriter::strings(std::string_view name, std::span<const std::string> values) {
  array(name, GgufType::kString, values.size());
  for (const std::string& v : values) put_text(metadata_, v);
}

void GgufWriter::float32s(std::string_view name, std::span<const float> values) {
  array(name, GgufType::kFloat32, values.size());
  put_bytes(metadata_, std::as_bytes(values));
}

void GgufWriter::int32s(std::string_view name, std::span<const int32_t> values) {
  array(name, GgufType::kInt32, values.size());
  put_bytes(metadata_, std::as_bytes(values));
}

void GgufWriter::tensor(std::string_view name, GgmlType type, std::vector<uint64_t> shape,
                        std::span<const std::byte> bytes) {
  ++n_tensors_;
  put_text(infos_, name);
  put(infos_, static_cast<uint32_t>(shape.size()));
  for (const uint64_t n : shape) put(infos_, n);
  put(infos_, type);
  put<uint64_t>(infos_, data_.size());
  put_bytes(data_, bytes);
  align(data_, alignment_);
}

std::vector<std::byte> GgufWriter::finish() {
  std::vector<std::byte> out;
  put_bytes(out, std::as_bytes(std::span(std::string_view("GGUF"))));
  put(out, kVersion);
  put(out, n_tensors_);
  put(out, n_keys_);
  put_bytes(out, metadata_);
  put_bytes(out, infos_);
  align(out, alignment_);
  put_bytes(out, data_);
  return out;
}

}  // namespace phios
