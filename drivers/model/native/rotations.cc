#include "drivers/model/native/rotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "drivers/model/native/gguf_writer.h"

namespace phios {

namespace {

constexpr float kResidueMax = 0.01f;  // of a product that should be the identity
constexpr float kEntryMax = 1e4f;     // what is rotated stays finite

struct Part {
  std::string_view name;
  std::vector<float> KvRotations::* matrices;
};
constexpr Part kParts[] = {{"keys", &KvRotations::keys},
                           {"queries", &KvRotations::queries},
                           {"values", &KvRotations::values},
                           {"outputs", &KvRotations::outputs}};

std::string key_of(const Part& part) { return fmt::format("{}{}", kRotationPrefix, part.name); }

// Is a × b the identity, or a × bᵀ? Each [dim][dim].
bool undoes(const float* a, const float* b, size_t dim, bool transposed) {
  std::vector<float> row(dim);
  for (size_t r = 0; r < dim; ++r) {
    row.assign(dim, 0.0f);
    for (size_t i = 0; i < dim; ++i)
      for (size_t c = 0; c < dim; ++c)
        row[c] += transposed ? a[r * dim + i] * b[c * dim + i] : a[r * dim + i] * b[i * dim + c];
    row[r] -= 1;
    for (const float residue : row)
      if (std::fabs(residue) > kResidueMax) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> rotation_keys() {
  std::vector<std::string> keys;
  for (const Part& part : kParts) keys.push_back(key_of(part));
  return keys;
}

Result<std::unique_ptr<const KvRotations>> read_rotations(const Gguf& file, const KvShape& shape) {
  if (std::ranges::none_of(kParts, [&](const Part& part) { return file.has(key_of(part)); })) return nullptr;
  const size_t size = size_t{shape.head_dim} * shape.head_dim;
  const size_t heads = size_t{shape.n_layers} * shape.n_kv_heads;
  auto out = std::make_unique<KvRotations>();
  for (const Part& part : kParts) {
    std::vector<float>& matrices = (*out).*part.matrices;
    matrices = TRY(file.floats(key_of(part)));
    if (matrices.size() != heads * size)
      return fail(ErrorCode::EPARSE_,
                  fmt::format("{}: {} has {} numbers, {} heads of {} ask for {}", file.name(), key_of(part),
                              matrices.size(), heads, shape.head_dim, heads * size));
  }
  for (const Part& part : kParts)
    if (!std::ranges::all_of((*out).*part.matrices, [](float x) { return std::fabs(x) <= kEntryMax; }))
      return fail(ErrorCode::EPARSE_,
                  fmt::format("{}: {}: a number is beyond {}", file.name(), key_of(part), kEntryMax));
  for (size_t at = 0; at < heads * size; at += size)
    if (!undoes(&out->keys[at], &out->queries[at], shape.head_dim, true) ||
        !undoes(&out->values[at], &out->outputs[at], shape.head_dim, false))
      return fail(
          ErrorCode::EPARSE_,
          fmt::format("{}: {}*: the matrices of layer {}, head {} do not undo each other", file.name(),
                      kRotationPrefix, at / size / shape.n_kv_heads, at / size % shape.n_kv_heads));
  return out;
}

std::vector<std::byte> write_rotations(const Gguf& file, const KvRotations& rotations) {
  GgufWriter writer;
  writer.copy_metadata(file, rotation_keys());
  for (const Part& part : kParts) writer.float32s(key_of(part), rotations.*part.matrices);
  for (const GgufTensor& t : file.tensors())
    writer.tensor(t.name, t.type, {t.shape.begin(), t.shape.begin() + t.n_dims}, t.data);
  return writer.finish();
}

}  // namespace phios
