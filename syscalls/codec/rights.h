// Rights: what a process may call, `noun[:verb[:scope]]` where a scope is a name or `prefix*`. A child's are
// a subset of its parent's.
//
// Ownership: plain values. Threads: const use from any. Errors: EINVAL_ names the malformed right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "syscalls/codec/call.h"

namespace phios {

class RightSet {
 public:
  static RightSet all();
  static RightSet none() { return {}; }
  // "mem", "mem:read", "drv:tool:calc", "mem:write:tmp*"; "*" is all.
  static Result<RightSet> parse(const std::vector<std::string>& rights);

  // Does the set cover `right` ("mem:read:x", the row's right with %1 replaced)? An empty right is always
  // covered.
  bool covers(std::string_view right) const;
  // May some form of the call be made at all (for the grammar)?
  bool may_call(const CallSpec& spec) const;
  // The scopes that the set gives for a row's right: empty optional-like: {"*"} means any. For the grammar's
  // argument alternatives.
  std::vector<std::string> scopes(const CallSpec& spec) const;
  bool subset_of(const RightSet& other) const;
  RightSet intersect(const RightSet& other) const;
  std::vector<std::string> list() const;

 private:
  std::vector<std::string> rights_;  // normalised, sorted; "*" alone is everything
};

// The right that this call needs, with %1 replaced by its first argument.
std::string required_right(const Call& call);

}  // namespace phios
