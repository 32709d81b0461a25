#include "drivers/model/native/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "drivers/model/native/config.h"
#include "drivers/model/native/convert_parts.h"
#include "drivers/model/native/encoder.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/safetensors.h"

namespace phios {

namespace {

std::string last_part(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.find_last_of('/') + 1));
}

class Converter {
 public:
  Converter(std::string folder, GgmlType type, HubJson config, HubShape shape)
      : folder_(std::move(folder)), type_(type), config_(std::move(config)), shape_(std::move(shape)) {}

  Result<std::vector<std::byte>> convert() {
    TRY(open_files());
    writer_.string("general.architecture", shape_.architecture);
    writer_.string("general.name", last_part(folder_));
    if (shape_.architecture == "bert")
      TRY(write_encoder_metadata(config_, shape_, folder_, writer_));
    else
      TRY(write_decoder_metadata(config_, shape_, writer_));
    TRY(write_hub_vocabulary(config_, folder_, shape_.n_vocab, writer_));
    for (const Safetensors& file : files_)
      for (const auto& [name, tensor] : file.tensors()) TRY(write_tensor(name, tensor));
    return writer_.finish();
  }

 private:
  std::string path(std::string_view name) const { return fmt::format("{}/{}", folder_, name); }

  // model.safetensors, or the files that its index names.
  Status open_files() {
    std::set<std::string> names = {"model.safetensors"};
    const HubJson index = TRY(HubJson::open_if_there(path("model.safetensors.index.json")));
    if (index.has("weight_map")) names.clear();
    for (const auto& [tensor, file] : index.at("weight_map").items()) {
      if (!file.is_string() || file.get<std::string>().find('/') != std::string::npos)
        return index.bad(ErrorCode::EPARSE_, "weight_map names no file in the folder");
      names.insert(file.get<std::string>());
    }
    for (const std::string& name : names) files_.push_back(TRY(Safetensors::open(path(name))));
    return {};
  }

  // llama's queries and keys turn neighbours in a GGUF file, and halves of a head where they come from.
  void interleave(std::vector<float>& values, uint32_t heads, uint64_t width) const {
    const std::vector<float> from = values;
    const uint32_t dim = shape_.head_dim, half = dim / 2;
    for (uint32_t h = 0; h < heads; ++h)
      for (uint32_t i = 0; i < dim; ++i) {
        const uint64_t source = uint64_t{h} * dim + i % 2 * half + i / 2;
        std::copy_n(from.begin() + static_cast<ptrdiff_t>(source * width), width,
                    values.begin() + static_cast<ptrdiff_t>((uint64_t{h} * dim + i) * width));
      }
  }

  // An output that is the embedding, as gemma's always is, stands in some files all the same.
  bool left_out(std::string_view name) const {
    if (ignored_tensor(shape_.architecture, name)) return true;
    const bool tied =
        config_.has("tie_word_embeddings") ? config_.at("tie_word_embeddings") == true : shape_.gemma();
    return tied && name == "lm_head.weight";
  }

  std::unexpected<Error> bad(ErrorCode code, const std::string& name, const std::string& what) const {
    return fail(code, fmt::format("{}: the tensor \"{}\" {}", folder_, printable(name), what));
  }

  // The tensor's numbers as a GGUF file has them.
  Result<std::vector<float>> values_of(const std::string& name, const std::string& to,
                                       const SafeTensor& tensor) const {
    std::vector<float> values = tensor.floats();
    if (shape_.gemma() && to.ends_with("norm.weight"))
      for (float& v : values) v += 1.0f;  // there what is above one
    const bool query = to.ends_with("attn_q.weight") || to.ends_with("attn_q.bias");
    if (!shape_.interleaved() || !(query || to.ends_with("attn_k.weight") || to.ends_with("attn_k.bias")))
      return values;
    const uint32_t heads = query ? shape_.n_heads : shape_.n_kv_heads;
    if (tensor.shape[0] != uint64_t{heads} * shape_.head_dim)
      return bad(ErrorCode::EPARSE_, name,
                 fmt::format("has {} rows for {} heads of {}", tensor.shape[0], heads, shape_.head_dim));
    interleave(values, heads, tensor.elements / tensor.shape[0]);
    return values;
  }

  // Vectors and an encoder's small tables stay floats.
  GgmlType type_of(std::string_view to, const std::vector<uint64_t>& shape) const {
    const bool table = to == "position_embd.weight" || to == "token_types.weight";
    if (shape.size() < 2 || table) return GgmlType::kF32;
    const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(type_));
    return shape[0] % info->block_elements != 0 ? GgmlType::kF16 : type_;
  }

  Status write_tensor(const std::string& name, const SafeTensor& tensor) {
    if (left_out(name)) return {};
    const std::string to = gguf_tensor_name(shape_.architecture, name);
    if (to.empty()) return bad(ErrorCode::ENOSYS_, name, "is not known");
    if (tensor.shape.size() > 2 || !written_.insert(to).second)
      return bad(ErrorCode::EPARSE_, name, "stands twice or is no matrix");
    const std::vector<float> values = TRY(values_of(name, to, tensor));
    const std::vector<uint64_t> shape(tensor.shape.rbegin(), tensor.shape.rend());
    const GgmlType type = type_of(to, shape);
    writer_.tensor(to, type, shape, quantize(type, values));
    return {};
  }

  const std::string folder_;
  const GgmlType type_;
  const HubJson config_;
  const HubShape shape_;
  std::vector<Safetensors> files_;
  std::set<std::string> written_;
  GgufWriter writer_;
};

}  // namespace

Result<std::vector<std::byte>> convert_model(const std::string& folder, GgmlType type) {
  HubJson config = TRY(HubJson::open(folder + "/config.json"));
  HubShape shape = TRY(read_hub_shape(config));
  std::vector<std::byte> bytes = TRY(Converter(folder, type, std::move(config), std::move(shape)).convert());
  const Gguf file = TRY(Gguf::parse(bytes, folder));  // what is missing is said now, not when it is opened
  if (TRY(file.string("general.architecture")) == "bert")
    TRY(read_encoder_config(file));
  else
    TRY(read_config(file));
  return bytes;
}

Result<std::vector<std::byte>> convert_vocabulary(const std::string& folder) {
  const HubJson config = TRY(HubJson::open_if_there(folder + "/config.json"));
  GgufWriter writer;
  // Other engines ask for an architecture before they read a vocabulary, and take any.
  writer.string("general.architecture", "llama");
  writer.string("general.name", last_part(folder));
  TRY(write_hub_vocabulary(config, folder, 0, writer));
  return writer.finish();
}

}  // namespace phios
