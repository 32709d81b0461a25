#include "syscalls/codec/rights.h"

#include <fmt/core.h>

#include <algorithm>

#include "syscalls/codec/text.h"

namespace phios {
namespace {

struct KnownRight {
  std::string_view name;  // "noun" or "noun:verb"
  bool scoped;
};

constexpr KnownRight kRights[] = {
#define PHI_RIGHT(NAME, name, scoped, meaning) {name, scoped != 0},
#include "syscalls/abi/rights.def"
#undef PHI_RIGHT
};

constexpr std::string_view kEverything = "*";

// Does `text` begin with `name` and then end or go on with ':'?
bool begins_with_part(std::string_view text, std::string_view name) {
  return text.starts_with(name) && (text.size() == name.size() || text[name.size()] == ':');
}

// `held` and `asked` are normalised: "*", "noun[:verb]" or "noun[:verb]:scope". A scope that ends in '*' is
// every scope with that prefix, itself a prefix or not.
bool covers_one(std::string_view held, std::string_view asked) {
  if (held == kEverything || begins_with_part(asked, held)) return true;
  if (!held.ends_with('*')) return false;
  held.remove_suffix(1);
  return asked.starts_with(held);
}

std::unexpected<Error> malformed(std::string_view right, std::string_view why) {
  return fail(ErrorCode::EINVAL_, fmt::format("right {}: {}", quote_word(right), why));
}

// The rights of rights.def that "noun", "noun:verb" or "noun:verb:scope" stands for.
Status expand(std::string_view right, std::vector<std::string>& out) {
  if (!is_utf8(right) || right.find('\0') != std::string_view::npos || right.size() > PHI_NAME_MAX)
    return malformed(right.substr(0, std::min<size_t>(right.size(), 32)), "must be a short text in UTF-8");
  if (right == kEverything) {
    out.emplace_back(kEverything);
    return {};
  }
  std::string_view whole = right;
  if (whole.ends_with(":*")) whole.remove_suffix(2);
  bool found = false;
  for (const KnownRight& known : kRights) {
    if (begins_with_part(known.name, whole)) {
      out.emplace_back(known.name);
      found = true;
    } else if (begins_with_part(right, known.name)) {
      if (!known.scoped) return malformed(right, "this right takes no scope");
      if (right.size() == known.name.size() + 1) return malformed(right, "the scope is empty");
      out.emplace_back(right);
      found = true;
    }
  }
  if (!found) return malformed(right, "no such right; see rights.def");
  return {};
}

std::vector<std::string> normalised(const std::vector<std::string>& rights) {
  std::vector<std::string> sorted = rights;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::string> out;
  for (const std::string& right : sorted) {
    const auto more = [&](const std::string& other) { return other != right && covers_one(other, right); };
    if (std::none_of(sorted.begin(), sorted.end(), more)) out.push_back(right);
  }
  return out;
}

// "mem:read:%1" → "mem:read".
std::string_view without_scope(std::string_view right) { return right.substr(0, right.find(":%")); }

}  // namespace

RightSet RightSet::all() {
  RightSet set;
  set.rights_.emplace_back(kEverything);
  return set;
}

Result<RightSet> RightSet::parse(const std::vector<std::string>& rights) {
  std::vector<std::string> expanded;
  for (const std::string& right : rights) TRY(expand(right, expanded));
  RightSet set;
  set.rights_ = normalised(expanded);
  return set;
}

bool RightSet::covers(std::string_view right) const {
  return right.empty() || std::any_of(rights_.begin(), rights_.end(),
                                      [right](const std::string& held) { return covers_one(held, right); });
}

bool RightSet::may_call(const CallSpec& spec) const {
  return scope_argument(spec) ? !scopes(spec).empty() : covers(spec.right);
}

std::vector<std::string> RightSet::scopes(const CallSpec& spec) const {
  const std::string_view base = without_scope(spec.right);
  if (covers(base)) return {std::string(kEverything)};
  std::vector<std::string> out;
  for (const std::string& held : rights_) {
    if (scope_argument(spec) && begins_with_part(held, base)) out.push_back(held.substr(base.size() + 1));
  }
  return out;
}

bool RightSet::subset_of(const RightSet& other) const {
  return std::all_of(rights_.begin(), rights_.end(), [&](const std::string& r) { return other.covers(r); });
}

RightSet RightSet::intersect(const RightSet& other) const {
  std::vector<std::string> common;
  for (const std::string& mine : rights_) {
    for (const std::string& theirs : other.rights_) {
      // Two rights are disjoint, or one of them covers the other.
      if (covers_one(theirs, mine)) {
        common.push_back(mine);
      } else if (covers_one(mine, theirs)) {
        common.push_back(theirs);
      }
    }
  }
  RightSet set;
  set.rights_ = normalised(common);
  return set;
}

std::vector<std::string> RightSet::list() const { return rights_; }

std::optional<size_t> scope_argument(const CallSpec& spec) {
  const size_t percent = spec.right.find('%');
  if (percent == std::string_view::npos) return std::nullopt;
  return static_cast<size_t>(spec.right[percent + 1] - '1');
}

std::string required_right(const Call& call) {
  std::string right(without_scope(call.spec->right));
  const std::optional<size_t> scope = scope_argument(*call.spec);
  if (scope && call.has(*scope)) right.append(":").append(call.arg(*scope));
  return right;
}

}  // namespace phios
