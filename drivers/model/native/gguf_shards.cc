// A model in several files, as llama.cpp's gguf-split writes them: split.count of them, each with its number
// (split.no, from 0), the metadata in the first, the tensors in all.
#include <fmt/format.h>

#include "drivers/model/native/gguf_format.h"

namespace phios {

namespace {

constexpr std::string_view kCount = "split.count", kNumber = "split.no", kTensors = "split.tensors.count";

std::string shard_suffix(uint64_t number, uint64_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", number, count);
}

}  // namespace

uint64_t Gguf::file_bytes() const {
  uint64_t sum = bytes_.size();
  for (const Gguf& shard : shards_) sum += shard.bytes_.size();
  return sum;
}

Status Gguf::open_shards() {
  const auto bad = [&](const std::string& what) {
    return fail(ErrorCode::EPARSE_, fmt::format("{}: {}", name_, what));
  };
  const uint64_t count = TRY(uint_or(kCount, 0));
  if (count < 2) return {};
  if (count > kShardsMax) return bad(fmt::format("{} is {}, at most {}", kCount, count, kShardsMax));
  if (const uint64_t number = TRY(uint(kNumber)); number != 0)
    return bad(fmt::format("file {} of {} of a model; open the first", number + 1, count));
  const std::string suffix = shard_suffix(1, count);
  if (!name_.ends_with(suffix))
    return bad(fmt::format("the first of {} files must end in {}", count, suffix));
  const std::string stem = name_.substr(0, name_.size() - suffix.size());
  shards_.reserve(count - 1);
  for (uint64_t i = 1; i < count; ++i) TRY(add_shard(i, stem + shard_suffix(i + 1, count), count));
  const uint64_t tensors = TRY(uint_or(kTensors, tensors_.size()));
  if (tensors != tensors_.size())
    return bad(fmt::format("{} is {}, the {} files hold {}", kTensors, tensors, count, tensors_.size()));
  if (const auto twin = sort_tensors())
    return bad("the tensor " + gguf_format::quoted(tensors_[*twin].name) + " stands in two of the files");
  return {};
}

Status Gguf::add_shard(uint64_t index, const std::string& path, uint64_t count) {
  Gguf shard = TRY(open_one(path));
  for (const auto& [key, wanted] : {std::pair(kCount, count), {kNumber, index}})
    if (const uint64_t value = TRY(shard.uint(key)); value != wanted)
      return fail(ErrorCode::EPARSE_,
                  fmt::format("{}: the metadata key {} is {}, {} was expected", path, key, value, wanted));
  tensors_.insert(tensors_.end(), shard.tensors_.begin(), shard.tensors_.end());
  shards_.push_back(std::move(shard));
  return {};
}

}  // namespace phios
