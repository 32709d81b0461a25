#include "drivers/model/native/requantize.h"

#include <fmt/format.h>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/quant.h"

namespace phios {

std::vector<std::byte> remake_matrices(const Gguf& file, const Remake& remake) {
  GgufWriter writer;
  writer.copy_metadata(file);
  std::vector<float> values;
  for (const GgufTensor& t : file.tensors()) {
    std::vector<uint64_t> shape(t.shape.begin(), t.shape.begin() + t.n_dims);
    std::optional<GgmlType> type;
    if (t.n_dims >= 2) {
      values.resize(t.elements);
      dequantize(t.type, t.data, values);
      type = remake(t, values);
    }
    if (type) {
      writer.tensor(t.name, *type, std::move(shape), quantize(*type, values));
    } else {
      writer.tensor(t.name, t.type, std::move(shape), t.data);
    }
  }
  return writer.finish();
}

Result<std::vector<std::byte>> requantize(const Gguf& file, GgmlType type) {
  const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type));
  bool any = false;
  auto bytes = remake_matrices(file, [&](const GgufTensor& t, std::span<float>) -> std::optional<GgmlType> {
    if (t.shape[0] % info->block_elements != 0) return std::nullopt;
    any = true;
    return type;
  });
  if (!any)
    return fail(
        ErrorCode::EINVAL_,
        fmt::format("{}: {} comes in blocks of {}, and no matrix has rows of whole blocks; take Q8_0, "
                    "Q5_0 or Q4_0, which need multiples of 32",
                    file.name(), info->name, info->block_elements));
  return bytes;
}

}  // namespace phios
