#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <numeric>
#include <optional>

#include "drivers/model/native/gguf_format.h"

namespace phios {

using gguf_format::load;
using gguf_format::load_string;
using gguf_format::quoted;
using gguf_format::scalar_bytes;
using gguf_format::type_name;

namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersionMin = 2;      // 2 and 3 are laid out alike
constexpr uint32_t kVersionMax = 3;
constexpr uint64_t kEntryBytesMin = 8 + 1 + 4 + 1;           // key length, key, type, the shortest value
constexpr uint64_t kTensorBytesMin = 8 + 1 + 4 + 8 + 4 + 8;  // name length, name, dims, one dim, type, offset

}  // namespace

namespace gguf_format {

uint64_t scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    default:
      return 0;
  }
}

std::string_view type_name(GgufType type) {
  constexpr std::string_view kNames[] = {"uint8",  "int8",    "uint16",  "int16",  "uint32",
                                         "int32",  "float32", "boolean", "string", "array",
                                         "uint64", "int64",   "float64"};
  const auto i = static_cast<uint32_t>(type);
  return i < std::size(kNames) ? kNames[i] : "unknown";
}

std::string quoted(std::string_view text) {
  constexpr size_t kShown = 80;
  std::string out = "'";
  for (const char c : text.substr(0, kShown)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (text.size() > kShown ? "…'" : "'");
}

}  // namespace gguf_format

// Walks the bytes once, front to back, and checks each field before it is used.
class GgufReader {
 public:
  explicit GgufReader(Gguf& file) : file_(file), bytes_(file.bytes_) {}

  Status read() {
    TRY(header());
    for (uint64_t i = 0; i < n_entries_; ++i) TRY(entry(i));
    TRY(sort_entries());
    for (uint64_t i = 0; i < n_tensors_; ++i) TRY(tensor(i));
    TRY(sort_tensors());
    return place_tensors();
  }

 private:
  std::unexpected<Error> bad(uint64_t offset, const std::string& what) const {
    return fail(ErrorCode::EPARSE_, fmt::format("{}: at byte {}: {}", file_.name_, offset, what));
  }

  uint64_t left() const { return bytes_.size() - at_; }

  template <class T>
  Result<T> scalar(std::string_view what) {
    if (left() < sizeof(T))
      return bad(at_, fmt::format("{} needs {} bytes, {} are left", what, sizeof(T), left()));
    const T value = load<T>(bytes_, at_);
    at_ += sizeof(T);
    return value;
  }

  Result<std::string_view> text(std::string_view what) {
    const uint64_t start = at_;
    const auto length = TRY(scalar<uint64_t>(what));
    if (length > left())
      return bad(start, fmt::format("{} is {} bytes long, {} are left", what, length, left()));
    at_ = start;
    return load_string(bytes_, at_);
  }

  Status header() {
    const auto magic = TRY(scalar<uint32_t>("the magic number"));
    if (magic != kMagic) return bad(0, "this is no GGUF file (the magic number is not \"GGUF\")");
    file_.version_ = TRY(scalar<uint32_t>("the version"));
    if (file_.version_ > 0xffff) return bad(4, "a big-endian GGUF file; only little-endian ones are read");
    if (file_.version_ < kVersionMin || file_.version_ > kVersionMax)
      return bad(4, fmt::format("GGUF version {}, versions {} to {} are read", file_.version_, kVersionMin,
                                kVersionMax));
    n_tensors_ = TRY(scalar<uint64_t>("the number of tensors"));
    n_entries_ = TRY(scalar<uint64_t>("the number of metadata entries"));
    if (n_tensors_ > left() / kTensorBytesMin)
      return bad(8, fmt::format("{} tensors cannot stand in {} bytes", n_tensors_, left()));
    if (n_entries_ > left() / kEntryBytesMin)
      return bad(16, fmt::format("{} metadata entries cannot stand in {} bytes", n_entries_, left()));
    file_.entries_.reserve(n_entries_);
    file_.tensors_.reserve(n_tensors_);
    return {};
  }

  Status entry(uint64_t index) {
    const uint64_t start = at_;
    Gguf::Entry e;
    e.key = TRY(text(fmt::format("the key of metadata entry {}", index)));
    if (e.key.empty() || e.key.size() > Gguf::kKeyBytesMax)
      return bad(start, fmt::format("the key of metadata entry {} is {} bytes long, 1 to {} are allowed",
                                    index, e.key.size(), Gguf::kKeyBytesMax));
    e.type = static_cast<GgufType>(TRY(scalar<uint32_t>("a metadata value's type")));
    if (e.type == GgufType::kArray) {
      e.element = static_cast<GgufType>(TRY(scalar<uint32_t>("an array's element type")));
      e.count = TRY(scalar<uint64_t>("an array's length"));
      e.offset = at_;
      TRY(values(e.key, e.element, e.count));
    } else {
      e.offset = at_;
      TRY(values(e.key, e.type, 1));
    }
    e.begin = start;
    e.end = at_;
    file_.entries_.push_back(e);
    return {};
  }

  Status values(std::string_view key, GgufType type, uint64_t count) {
    const uint64_t start = at_;
    if (type == GgufType::kString) {
      if (count > left() / 8)
        return bad(start,
                   fmt::format("key {}: {} strings cannot stand in {} bytes", quoted(key), count, left()));
      for (uint64_t i = 0; i < count; ++i) {
        if (left() < 8 || load<uint64_t>(bytes_, at_) > left() - 8)
          return bad(at_, fmt::format("key {}: string {} of {} runs past the end", quoted(key), i, count));
        load_string(bytes_, at_);
      }
      return {};
    }
    const uint64_t size = scalar_bytes(type);
    if (size == 0)
      return bad(start, fmt::format("key {}: value type {} ({}) is not one that is read here", quoted(key),
                                    static_cast<uint32_t>(type), type_name(type)));
    if (count > left() / size)
      return bad(start, fmt::format("key {}: {} values of {} bytes cannot stand in {} bytes", quoted(key),
                                    count, size, left()));
    if (type == GgufType::kBool)
      for (uint64_t i = 0; i < count; ++i)
        if (load<uint8_t>(bytes_, start + i) > 1)
          return bad(start + i, fmt::format("key {}: a boolean is 0 or 1", quoted(key)));
    at_ += count * size;
    return {};
  }

  Status sort_entries() {
    std::ranges::sort(file_.entries_, {}, &Gguf::Entry::key);
    const auto twin = std::ranges::adjacent_find(file_.entries_, {}, &Gguf::Entry::key);
    if (twin != file_.entries_.end())
      return bad(twin->offset, "the key " + quoted(twin->key) + " stands twice");
    if (!file_.has("general.alignment")) return {};
    alignment_ = TRY(file_.uint("general.alignment"));
    if (!std::has_single_bit(alignment_) || alignment_ > Gguf::kAlignmentMax)
      return bad(file_.find("general.alignment")->offset,
                 fmt::format("general.alignment is {}, it must be a power of two up to {}", alignment_,
                             Gguf::kAlignmentMax));
    return {};
  }

  Status tensor(uint64_t index) {
    const uint64_t start = at_;
    GgufTensor t;
    t.name = TRY(text(fmt::format("the name of tensor {}", index)));
    if (t.name.empty() || t.name.size() > Gguf::kTensorNameMax)
      return bad(start, fmt::format("the name of tensor {} is {} bytes long, 1 to {} are allowed", index,
                                    t.name.size(), Gguf::kTensorNameMax));
    const std::string label = "tensor " + quoted(t.name);
    t.n_dims = TRY(scalar<uint32_t>(label + ": the number of dimensions"));
    if (t.n_dims < 1 || t.n_dims > GgufTensor::kDimsMax)
      return bad(at_ - 4, fmt::format("{} has {} dimensions, 1 to {} are allowed", label, t.n_dims,
                                      GgufTensor::kDimsMax));
    t.elements = 1;
    for (uint32_t d = 0; d < t.n_dims; ++d) {
      t.shape[d] = TRY(scalar<uint64_t>(label + ": a dimension"));
      if (t.shape[d] == 0 || t.shape[d] > Gguf::kElementsMax / t.elements)
        return bad(at_ - 8, fmt::format("{}: dimension {} is {}: zero, or the whole is over {} elements",
                                        label, d, t.shape[d], Gguf::kElementsMax));
      t.elements *= t.shape[d];
    }
    const auto type = TRY(scalar<uint32_t>(label + ": the type"));
    const GgmlTypeInfo* info = ggml_type_info(type);
    if (!info)
      return bad(at_ - 4,
                 fmt::format("{} has type {}; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K "
                             "and Q6_K are read",
                             label, type));
    t.type = info->type;
    if (t.shape[0] % info->block_elements != 0)
      return bad(at_ - 4, fmt::format("{}: a row of {} elements is not a multiple of {}'s block of {}", label,
                                      t.shape[0], info->name, info->block_elements));
    offsets_.push_back(TRY(scalar<uint64_t>(label + ": the offset")));
    if (offsets_.back() % alignment_ != 0)
      return bad(at_ - 8, fmt::format("{}: the offset {} is not a multiple of the alignment {}", label,
                                      offsets_.back(), alignment_));
    offset_fields_.push_back(at_ - 8);
    file_.tensors_.push_back(t);
    return {};
  }

  Status sort_tensors() {
    const std::optional<uint32_t> twin = file_.sort_tensors();
    if (twin)
      return bad(offset_fields_[*twin], "the tensor " + quoted(file_.tensors_[*twin].name) + " stands twice");
    return {};
  }

  Status place_tensors() {
    if (file_.tensors_.empty()) return {};
    const uint64_t data = (at_ + alignment_ - 1) / alignment_ * alignment_;
    for (size_t i = 0; i < file_.tensors_.size(); ++i) {
      GgufTensor& t = file_.tensors_[i];
      const GgmlTypeInfo* info = ggml_type_info(static_cast<uint32_t>(t.type));
      const uint64_t size = t.elements / info->block_elements * info->block_bytes;
      const uint64_t room = data > bytes_.size() ? 0 : bytes_.size() - data;
      if (offsets_[i] > room || size > room - offsets_[i])
        return bad(offset_fields_[i],
                   fmt::format("tensor {}: {} bytes at offset {} run past the end of the file "
                               "({} bytes of tensor data); is it cut short?",
                               quoted(t.name), size, offsets_[i], room));
      t.data = bytes_.subspan(data + offsets_[i], size);
    }
    std::vector<uint32_t> order(file_.tensors_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, {}, [&](uint32_t i) { return offsets_[i]; });
    for (size_t i = 1; i < order.size(); ++i)
      if (offsets_[order[i]] - offsets_[order[i - 1]] < file_.tensors_[order[i - 1]].data.size())
        return bad(offset_fields_[order[i]],
                   fmt::format("tensors {} and {} overlap", quoted(file_.tensors_[order[i - 1]].name),
                               quoted(file_.tensors_[order[i]].name)));
    return {};
  }

  Gguf& file_;
  std::span<const std::byte> bytes_;
  uint64_t at_ = 0;
  uint64_t n_tensors_ = 0, n_entries_ = 0;
  uint64_t alignment_ = Gguf::kAlignmentDefault;
  std::vector<uint64_t> offsets_, offset_fields_;  // of each tensor: its data's, and where that number stands
};

Status read_gguf(Gguf& file) { return GgufReader(file).read(); }

}  // namespace phios
