// Rights: what a process may call, `noun[:verb[:scope]]` where a scope is a name or `prefix*`. A child's are
// a subset of its parent's.
//
// Ownership: plain values. Threads: const use from any. Errors: EINVAL_ names the malformed right.
#pragma once

#include <optional>
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
  // "mem" (every verb of it), "mem:read", "drv:tool:calc", "mem:write:tmp*"; "*" is all.
  static Result<RightSet> parse(const std::vector<std::string>& rights);

  // Does the set cover `right` ("mem:read:x", the row's right with %1 replaced)? An empty right is always
  // covered. A right without a scope is covered only by one without a scope.
  bool covers(std::string_view right) const;
  // May some form of the call be made at all (for the grammar)?
  bool may_call(const CallSpec& spec) const;
  // The scopes that the set gives for the argument that a row's right names: {"*"} means any, none that the
  // call cannot be made (if the right names an argument). For the grammar's alternatives.
  std::vector<std::string> scopes(const CallSpec& spec) const;
  bool subset_of(const RightSet& other) const;
  RightSet intersect(const RightSet& other) const;
  std::vector<std::string> list() const;

 private:
  std::vector<std::string> rights_;  // normalised, sorted; "*" alone is everything
};

// The right that this call needs, with %N replaced by its N-th argument; without a scope where that optional
// argument is not given.
std::string required_right(const Call& call);
// The argument that scopes a row's right, counted from 0.
std::optional<size_t> scope_argument(const CallSpec& spec);

}  // namespace phios
