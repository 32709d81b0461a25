// Tools 𝒞: functions from words to words, by name. The calculator is built in; users add their own by a
// manifest.
//
// Ownership: kernel/boot owns the driver. Threads: any, at once. Units: nanoseconds, absolute deadlines on
// Env's monotonic clock. Errors: ENOENT_ (no such tool; names the nearest), EINVAL_ (arguments do not fit;
// says which), ETIMEDOUT_ (killed), EIO_ (failed; with its exit code and the end of its standard error),
// ETOOBIG_.
#pragma once

#include <string>
#include <vector>

#include "drivers/api/op.h"

namespace phios {

struct ToolInfo {
  std::string name;
  std::string summary;      // one line
  std::string signature;    // "calc expression"
  std::string json_schema;  // of its arguments, as an object
};

struct ToolRequest {
  std::string name;
  std::vector<std::string>
      args;  // positional, in the schema's order; one argument that is a JSON object may stand for all
  Nanos deadline = kNever;  // the tool's own deadline holds too
};

class ToolDriver {
 public:
  virtual ~ToolDriver() = default;
  virtual OpRef submit(ToolRequest request, Completion<std::string> done) = 0;
  virtual std::vector<ToolInfo> list() const = 0;
  // ℛ over 𝒞: the k tools whose name, summary and signature match the words of the query best.
  virtual std::vector<ToolInfo> search(const std::string& query, size_t k) const = 0;
};

}  // namespace phios
