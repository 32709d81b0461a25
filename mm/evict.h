// Policies: from the state of a context's pages to the place where each should lie. Pure functions behind the
// C interface of syscalls/abi/kv_policy.h, found by name; mm/pager carries out what they choose.
//
// Ownership: a KvPolicy is shared, and keeps the library it came from. Threads: any. Errors: ENOENT_ names
// the policies there are; EINVAL_ for a parameter out of range or a library of another version.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernel/base/result.h"
#include "syscalls/abi/kv_policy.h"

namespace phios {

class KvPolicy {
 public:
  std::string name;  // as it was asked for: "window:1024", "int4@64"
  const phi_kv_policy* table = nullptr;
  int64_t parameter = 0;
  uint32_t window = PHI_KV_WINDOW;  // newest tokens that stay f16
  std::shared_ptr<void> library;    // null for those of phios

  bool keeps_all() const;  // nothing ever changes: there is no need to ask
  bool needs_masses() const { return table->needs_mass != 0; }
  uint32_t attend_pages() const;  // so many pages beside the first and the newest are read; 0: all
  // Prefixes of contexts under different policies are not shared: 0 for `full`.
  uint64_t id() const;
  // The places for state.pages, where the newest window and the sinks stay f16, pins hold and nothing gets
  // warmer.
  void choose(const phi_kv_state& state, std::span<uint8_t> wanted) const;
};
using KvPolicyRef = std::shared_ptr<const KvPolicy>;

// "" is "full". Names and parameters: docs/kv-policies.md.
// `libraries`: may a name be the path of a shared library? Its code runs with all of the kernel's rights.
Result<KvPolicyRef> find_kv_policy(std::string_view name, bool libraries = false);

}  // namespace phios
