// One context on disk: token ids, spans and KV pages, under one checksum and the model's id. The bytes are in
// docs/formats/context-file.md.
//
// Ownership: plain values; an image holds its pages. Threads: any, each call on its own; the calls block.
// Errors: EIO_ for a file that cannot be read or written or is damaged, EINVAL_ for one of another model,
// each with its path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/base/result.h"
#include "mm/page_table.h"
#include "mm/swap.h"

namespace phios {

struct ContextImage {
  struct Span {
    uint32_t first = 0, length = 0;
    uint8_t origin = 0;
    std::string label;
    bool operator==(const Span&) const = default;
  };
  static constexpr uint8_t kOrigins = 3;  // what `origin` stays below

  explicit ContextImage(FramePool& pool) : pages(pool) {}
  std::vector<int32_t> tokens;
  std::vector<Span> spans;
  PageTable pages;  // of the first pages.positions() tokens; the rest waits to be computed
};

// What a file's tokens and pages are made for. A file of another id or shape is refused.
struct ContextModel {
  uint64_t id = 0;
  uint32_t n_vocab = 0;
};

inline constexpr uint32_t kContextFileVersion = 1;

// Where pages are: in frames, and in the swap file, which may be null.
struct PageMemory {
  FramePool& pool;
  SwapFile* swap;
};

// Writes a whole file and flushes it to the disk; `path` must not exist. A page that neither memory nor the
// swap file has is left out, with all behind it: their tokens wait to be computed.
Status write_context_file(const std::string& path, const std::string& name, const ContextImage& image,
                          const ContextModel& model, SwapFile* swap);
// Checks everything before it gives anything. What is more than there are free frames goes to the swap file,
// the oldest pages first. Those that neither has room for are left out, with all behind them.
Result<ContextImage> read_context_file(const std::string& path, const std::string& name,
                                       const ContextModel& model, const PageMemory& memory);
// The name that the context was saved under; reads the head only.
Result<std::string> read_context_name(const std::string& path);

}  // namespace phios
