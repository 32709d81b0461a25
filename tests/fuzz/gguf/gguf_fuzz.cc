// Hostile GGUF files: whatever the bytes are, reading them ends in a file whose every view lies within the
// bytes, or in an error that names the place; and a model is only opened from a sound one.
#include <cstdint>
#include <cstdlib>

#include "drivers/model/native/config.h"
#include "drivers/model/native/gguf.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/weights.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// Touches everything that the accessors give out.
void read_all(const phios::Gguf& file, std::span<const std::byte> bytes) {
  for (const char* key : {"general.architecture", "general.alignment", "tokenizer.ggml.tokens",
                          "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "llama.block_count", "k"}) {
    (void)file.string(key);
    (void)file.uint(key);
    (void)file.number(key);
    (void)file.boolean(key);
    (void)file.integers(key);
    (void)file.floats(key);
    if (const auto strings = file.strings(key))
      for (const std::string_view s : *strings)
        require(s.empty() ||
                (s.data() >= reinterpret_cast<const char*>(bytes.data()) &&
                 s.data() + s.size() <= reinterpret_cast<const char*>(bytes.data() + bytes.size())));
  }
  std::vector<float> row;
  for (const phios::GgufTensor& t : file.tensors()) {
    require(t.data.data() >= bytes.data() && t.data.data() + t.data.size() <= bytes.data() + bytes.size());
    require(file.find_tensor(t.name) == &t);
    row.resize(t.shape[0]);
    phios::dequantize_row(t, 0, row);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = phios::Gguf::parse(bytes, "fuzz");
  if (!file) {
    require(file.error().message.find("at byte ") != std::string::npos);
    return 0;
  }
  read_all(*file, bytes);
  (void)phios::Weights::load(*file);
  return 0;
}
