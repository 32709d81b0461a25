#include "mm/store/context_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "mm/page_copy.h"
#include "mm/store/checked_file.h"

namespace phios {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

constexpr std::array<char, 8> kMagic = {'P', 'H', 'I', 'O', 'S', 'C', 'T', 'X'};

struct Head {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kContextFileVersion;
  uint32_t name_bytes = 0;
  uint64_t model = 0;
  uint32_t n_layers = 0, n_kv_heads = 0, head_dim = 0;
  uint32_t page_tokens = PHI_PAGE_TOKENS;
  uint32_t n_tokens = 0, n_spans = 0, n_positions = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(Head) == 56);

struct SpanHead {
  uint32_t first = 0, length = 0;
  uint8_t origin = 0;
  uint8_t reserved = 0;
  uint16_t label_bytes = 0;
};
static_assert(sizeof(SpanHead) == 12);

struct PageHead {
  uint32_t tier = 0;
  uint32_t reserved = 0;
};

// Positions that were never written hold what the frame's last user left there: that is nobody's to keep.
void blank_unused(std::byte* page, const KvShape& shape, uint32_t used) {
  constexpr size_t kHalf = sizeof(uint16_t);
  for (uint32_t layer = 0; layer < shape.n_layers; ++layer) {
    for (uint32_t head = 0; head < shape.n_kv_heads; ++head) {
      std::byte* keys = page + shape.key_offset(KvTier::kF16, layer, head);  // [head_dim][PHI_PAGE_TOKENS]
      for (uint32_t channel = 0; channel < shape.head_dim; ++channel) {
        std::memset(keys + (size_t{channel} * PHI_PAGE_TOKENS + used) * kHalf, 0,
                    (PHI_PAGE_TOKENS - used) * kHalf);
      }
      std::byte* values =
          page + shape.value_offset(KvTier::kF16, layer, head);  // [PHI_PAGE_TOKENS][head_dim]
      const size_t row = shape.head_dim * kHalf;
      std::memset(values + used * row, 0, (PHI_PAGE_TOKENS - used) * row);
    }
  }
  const size_t ranges = shape.key_range_offset(KvTier::kF16, 0, 0);
  std::memset(page + ranges, 0, shape.frame_bytes() - ranges);
}

// In place of a tier; nothing follows.
constexpr uint32_t kHole = kKvTiers;
constexpr uint32_t kMissing = kHole + 1;  // nor is any page behind it there

Status write_page_head(CheckedFile& file, uint32_t tier) {
  const PageHead head{.tier = tier};
  return file.write(&head, sizeof head);
}

Status write_pages(CheckedFile& file, const PageTable& pages, SwapFile* swap) {
  const KvShape& shape = pages.pool().shape();
  for (uint32_t i = 0; i < pages.pages(); ++i) {
    const FrameRef page = pages.frame(i);
    if (!page) {
      TRY(write_page_head(file, kHole));
      continue;
    }
    Result<PageCopy> copy = PageCopy::of(page, pages.pool(), swap);
    if (!copy) return write_page_head(file, kMissing);
    const uint32_t used = pages.positions() - i * PHI_PAGE_TOKENS;
    if (used < PHI_PAGE_TOKENS && copy->tier == KvTier::kF16) blank_unused(copy->bytes.data(), shape, used);
    TRY(write_page_head(file, static_cast<uint32_t>(copy->tier)));
    TRY(file.write(copy->bytes.data(), copy->bytes.size()));
  }
  return {};
}

Result<Head> read_head(CheckedFile& file, std::string& name) {
  Head head;
  TRY(file.read(&head, sizeof head));
  if (head.magic != kMagic) return std::unexpected(file.damaged("this is no file of a context"));
  if (head.version != kContextFileVersion) {
    return std::unexpected(file.damaged(
        fmt::format("its format is {}, this phios reads {}", head.version, kContextFileVersion)));
  }
  if (head.name_bytes == 0 || head.name_bytes > PHI_NAME_MAX)
    return std::unexpected(file.damaged(fmt::format("a name of {} bytes", head.name_bytes)));
  name.resize(head.name_bytes);
  TRY(file.read(name.data(), name.size()));
  TRY(file.check_checksum());
  return head;
}

Status check_model(const Head& head, const std::string& name, const ContextModel& model,
                   const KvShape& shape) {
  if (head.model == model.id && head.n_layers == shape.n_layers && head.n_kv_heads == shape.n_kv_heads &&
      head.head_dim == shape.head_dim && head.page_tokens == PHI_PAGE_TOKENS) {
    return {};
  }
  return fail(
      ErrorCode::EINVAL_,
      fmt::format("{}: saved by another model ({:016x}, {} layers); this kernel runs {:016x}: start it "
                  "with the --model that saved it",
                  name, head.model, head.n_layers, model.id));
}

Status read_tokens(CheckedFile& file, const Head& head, const ContextModel& model, ContextImage& image) {
  if (head.n_tokens > PHI_CONTEXT_MAX || head.n_positions > head.n_tokens || head.n_spans > head.n_tokens)
    return std::unexpected(file.damaged("its counts contradict each other"));
  const size_t bytes = size_t{head.n_tokens} * sizeof(int32_t);
  if (bytes > file.left()) return std::unexpected(file.damaged("it ends too early"));
  image.tokens.resize(head.n_tokens);
  TRY(file.read(image.tokens.data(), bytes));
  for (const int32_t token : image.tokens) {
    if (token < 0 || static_cast<uint32_t>(token) >= model.n_vocab)
      return std::unexpected(file.damaged(fmt::format("token {} of {}", token, model.n_vocab)));
  }
  return {};
}

// Spans cover the tokens without a gap.
Status read_spans(CheckedFile& file, const Head& head, ContextImage& image) {
  uint32_t next = 0;
  for (uint32_t i = 0; i < head.n_spans; ++i) {
    SpanHead span;
    TRY(file.read(&span, sizeof span));
    if (span.first != next || span.length == 0 || span.length > head.n_tokens - next ||
        span.origin >= ContextImage::kOrigins || span.label_bytes > PHI_NAME_MAX) {
      return std::unexpected(file.damaged(fmt::format("span {}", i)));
    }
    next += span.length;
    std::string label(span.label_bytes, '\0');
    TRY(file.read(label.data(), label.size()));
    image.spans.push_back({span.first, span.length, span.origin, std::move(label)});
  }
  if (next != head.n_tokens) return std::unexpected(file.damaged("its spans do not cover its tokens"));
  return {};
}

// A new page that holds this: in a frame or on disk, wherever there is room, by preference on disk or not. A
// disk that fails is not asked again.
Result<FrameRef> place_page(const PageCopy& copy, PageMemory& memory, bool prefer_disk) {
  const auto to_disk = [&]() -> Result<FrameRef> {
    if (memory.swap == nullptr) return fail(ErrorCode::ELIMIT_, "no swap file");
    Result<FrameRef> page = copy.to_disk(memory.pool, *memory.swap);
    if (!page) memory.swap = nullptr;
    return page;
  };
  const auto to_frame = [&]() -> Result<FrameRef> {
    FrameRef page = TRY(memory.pool.allocate(copy.tier));
    std::ranges::copy(copy.bytes, page.data());
    return page;
  };
  Result<FrameRef> page = prefer_disk ? to_disk() : to_frame();
  if (page) return page;
  return prefer_disk ? to_frame() : to_disk();
}

Status read_pages(CheckedFile& file, const Head& head, ContextImage& image, PageMemory memory) {
  const size_t frame_bytes = memory.pool.shape().frame_bytes();
  bool room = true;
  for (uint32_t first = 0; first < head.n_positions; first += PHI_PAGE_TOKENS) {
    const uint32_t n = std::min<uint32_t>(head.n_positions - first, PHI_PAGE_TOKENS);
    const size_t pages_left = (head.n_positions - first + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS;
    const size_t around = pages_left * sizeof(PageHead) + sizeof(uint64_t);  // the checksum behind them
    const bool too_large = file.left() > memory.pool.free_frames() * frame_bytes + around;
    PageHead page;
    TRY(file.read(&page, sizeof page));
    if (page.tier == kMissing) break;
    if (page.tier > kHole || (n < PHI_PAGE_TOKENS && page.tier == kHole))
      return std::unexpected(
          file.damaged(fmt::format("page {}: tier {}", first / PHI_PAGE_TOKENS, page.tier)));
    if (page.tier == kHole) {
      if (room) image.pages.append_hole();
      continue;
    }
    const auto tier = static_cast<KvTier>(page.tier);
    PageCopy copy{tier, std::vector<std::byte>(memory.pool.shape().frame_bytes(tier))};
    TRY(file.read(copy.bytes.data(), copy.bytes.size()));
    if (!room) continue;
    const Result<FrameRef> placed = place_page(copy, memory, too_large);
    room = placed.has_value();
    if (room) image.pages.append_shared(*placed, n);
  }
  return {};
}

}  // namespace

Status write_context_file(const std::string& path, const std::string& name, const ContextImage& image,
                          const ContextModel& model, SwapFile* swap) {
  CheckedFile file = TRY(CheckedFile::create(path));
  const KvShape& shape = image.pages.pool().shape();
  Head head;
  head.name_bytes = static_cast<uint32_t>(name.size());
  head.model = model.id;
  head.n_layers = shape.n_layers, head.n_kv_heads = shape.n_kv_heads, head.head_dim = shape.head_dim;
  head.n_tokens = static_cast<uint32_t>(image.tokens.size());
  head.n_spans = static_cast<uint32_t>(image.spans.size());
  head.n_positions = image.pages.positions();
  TRY(file.write(&head, sizeof head));
  TRY(file.write(name.data(), name.size()));
  TRY(file.write_checksum());
  TRY(file.write(image.tokens.data(), image.tokens.size() * sizeof(int32_t)));
  for (const ContextImage::Span& span : image.spans) {
    const SpanHead out{span.first, span.length, span.origin, 0, static_cast<uint16_t>(span.label.size())};
    TRY(file.write(&out, sizeof out));
    TRY(file.write(span.label.data(), span.label.size()));
  }
  TRY(write_pages(file, image.pages, swap));
  TRY(file.write_checksum());
  return file.flush();
}

Result<ContextImage> read_context_file(const std::string& path, const std::string& name,
                                       const ContextModel& model, const PageMemory& memory) {
  CheckedFile file = TRY(CheckedFile::open(path));
  std::string saved_as;
  const Head head = TRY(read_head(file, saved_as));
  if (saved_as != name) return std::unexpected(file.damaged(fmt::format("it holds {}", saved_as)));
  TRY(check_model(head, name, model, memory.pool.shape()));
  ContextImage image(memory.pool);
  TRY(read_tokens(file, head, model, image));
  TRY(read_spans(file, head, image));
  TRY(read_pages(file, head, image, memory));
  TRY(file.check_checksum());
  if (file.left() != 0) return std::unexpected(file.damaged("something stands behind its end"));
  return image;
}

Result<std::string> read_context_name(const std::string& path) {
  CheckedFile file = TRY(CheckedFile::open(path));
  std::string name;
  TRY(read_head(file, name));
  return name;
}

}  // namespace phios
