// Hostile safetensors files: whatever the bytes are, reading them ends in tensors that lie within the bytes,
// or in an error that names the file.
#include <cstdint>
#include <cstdlib>

#include "drivers/model/native/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  const auto file = phios::Safetensors::parse(bytes, "fuzz");
  if (!file) {
    require(file.error().message.starts_with("fuzz: "));
    return 0;
  }
  for (const auto& [name, tensor] : file->tensors()) {
    require(tensor.data.data() >= bytes.data());
    require(tensor.data.data() + tensor.data.size() <= bytes.data() + bytes.size());
    require(tensor.floats().size() == tensor.elements);
  }
  return 0;
}
