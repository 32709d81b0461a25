// A manifest: a file that describes a tool of the user's (docs/formats/manifest.md).
//
// Ownership: plain values. Threads: pure but for reading the file. Errors: EINVAL_/EPARSE_/ETOOBIG_ "FILE:
// key: what is wrong", EIO_ for a file that cannot be read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/api/child.h"
#include "drivers/tool/schema.h"

namespace phios::tool {

inline constexpr size_t kManifestMax = 65536;  // bytes
inline constexpr int64_t kDeadlineDefaultMs = 10'000;
inline constexpr int64_t kDeadlineMaxMs = 3'600'000;

struct Manifest {
  std::string file;
  std::string directory;  // of the file: where the tool starts
  std::string name;
  std::string summary;
  std::vector<std::string> command;  // with {argument} where one stands
  std::string input;                 // "json", "none", or text with {argument}
  std::vector<std::string> env;      // KEY=value
  Schema schema;
  int64_t deadline_ms = kDeadlineDefaultMs;
  size_t output_max = 0;
};

enum class ManifestFormat { kYaml, kJson };

Result<Manifest> parse_manifest(std::string_view text, ManifestFormat format, const std::string& file);
Result<Manifest> read_manifest(const std::string& path);

// The child process of one call. `deadline` is absolute.
ChildSpec child_of(const Manifest& manifest, const Json& arguments, Nanos deadline);

}  // namespace phios::tool
