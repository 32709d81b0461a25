#include "mm/store/cells.h"

#include <fmt/format.h>
#include <gmpxx.h>

#include <charconv>
#include <utility>

#include "syscalls/abi/limits.h"
#include "syscalls/abi/utf8.h"

namespace phios {
namespace {

constexpr std::string_view kSharedPrefix = "/shm/";
constexpr std::string_view kDurablePrefix = "/mem/";

bool is_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Enough of a text to know it again in a message.
std::string excerpt(std::string_view text) {
  constexpr size_t kExcerptBytes = 40;
  size_t at = 0;
  while (const size_t length = phi_utf8_length(text.data() + at, text.size() - at)) {
    if (at + length > kExcerptBytes) break;
    at += length;
  }
  return std::string(text.substr(0, at)) + (at < text.size() ? "…" : "");
}

std::unexpected<Error> absent(std::string_view name) {
  return fail(ErrorCode::ENOENT_, fmt::format("no cell named {}; WRITE it first", name));
}

}  // namespace

CellKind cell_kind(std::string_view name) {
  if (name.starts_with(kSharedPrefix)) return CellKind::kShared;
  if (name.starts_with(kDurablePrefix)) return CellKind::kDurable;
  return CellKind::kPrivate;
}

Status check_cell_name(std::string_view name) {
  if (name.empty()) return fail(ErrorCode::EINVAL_, "a cell's name is empty");
  if (name.size() > PHI_CELL_NAME_MAX) {
    return fail(ErrorCode::ETOOBIG_, fmt::format("cell name {}: {} bytes, at most {}", excerpt(name),
                                                 name.size(), PHI_CELL_NAME_MAX));
  }
  if (const size_t bad = phi_utf8_valid_prefix(name.data(), name.size()); bad != name.size()) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("a cell's name is no UTF-8 without NUL, from byte {} on", bad));
  }
  return {};
}

Status check_cell_value(std::string_view name, std::string_view value) {
  if (value.size() > PHI_CELL_MAX) {
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("cell {}: {} bytes, at most {}", name, value.size(), PHI_CELL_MAX));
  }
  if (const size_t bad = phi_utf8_valid_prefix(value.data(), value.size()); bad != value.size()) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("cell {}: the value is no UTF-8 without NUL, from byte {} on", name, bad));
  }
  return {};
}

Result<std::string> add_integers(std::string_view a, std::string_view b) {
  for (const std::string_view text : {a, b}) {
    if (!is_integer(text))
      return fail(ErrorCode::EINVAL_, fmt::format("\"{}\" is no integer", excerpt(text)));
    if (text.size() > PHI_CELL_MAX) {
      return fail(ErrorCode::ETOOBIG_,
                  fmt::format("an integer of {} bytes, at most {}", text.size(), PHI_CELL_MAX));
    }
  }
  int64_t x = 0, y = 0, sum = 0;
  const bool small = std::from_chars(a.data(), a.data() + a.size(), x).ec == std::errc() &&
                     std::from_chars(b.data(), b.data() + b.size(), y).ec == std::errc();
  if (small && !__builtin_add_overflow(x, y, &sum)) return std::to_string(sum);
  constexpr int kDecimal = 10;
  std::string digits =
      mpz_class(mpz_class(std::string(a), kDecimal) + mpz_class(std::string(b), kDecimal)).get_str();
  if (digits.size() > PHI_CELL_MAX) {
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("the sum has {} bytes, at most {}", digits.size(), PHI_CELL_MAX));
  }
  return digits;
}

CellStore::CellStore(size_t max_cells) : max_cells_(max_cells) {}

CellStore::CellStore(const CellStore& other) : max_cells_(other.max_cells_) {
  const std::lock_guard lock(other.mutex_);
  cells_ = other.cells_;
}

// Sets a cell whose name and value have been checked. The caller holds mutex_.
Status CellStore::set(std::string_view name, std::string&& value) {
  const auto at = cells_.find(name);
  if (value.empty()) {
    if (at != cells_.end()) cells_.erase(at);
  } else if (at != cells_.end()) {
    at->second = std::move(value);
  } else if (cells_.size() >= max_cells_) {
    return fail(ErrorCode::ELIMIT_, fmt::format("cells: {} of {} used; DEL some before {} is made",
                                                cells_.size(), max_cells_, name));
  } else {
    cells_.emplace(name, std::move(value));
  }
  return {};
}

Result<std::string> CellStore::read(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto at = cells_.find(name);
  if (at == cells_.end()) return absent(name);
  return at->second;
}

Status CellStore::write(std::string_view name, std::string_view value) {
  TRY(check_cell_name(name));
  TRY(check_cell_value(name, value));
  const std::lock_guard lock(mutex_);
  return set(name, std::string(value));
}

Status CellStore::move(std::string_view dst, std::string_view src) {
  TRY(check_cell_name(dst));
  const std::lock_guard lock(mutex_);
  const auto from = cells_.find(src);
  if (from == cells_.end()) return absent(src);
  if (dst == src) return {};
  // The source goes before the target comes: a full store can still move.
  auto node = cells_.extract(from);
  if (const auto to = cells_.find(dst); to != cells_.end()) {
    to->second = std::move(node.mapped());
  } else {
    node.key() = dst;
    cells_.insert(std::move(node));
  }
  return {};
}

Status CellStore::copy(std::string_view dst, std::string_view src) {
  TRY(check_cell_name(dst));
  const std::lock_guard lock(mutex_);
  const auto from = cells_.find(src);
  if (from == cells_.end()) return absent(src);
  return set(dst, std::string(from->second));
}

Status CellStore::erase(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto at = cells_.find(name); at != cells_.end()) cells_.erase(at);
  return {};
}

Result<bool> CellStore::compare_and_swap(std::string_view name, std::string_view old_value,
                                         std::string_view new_value) {
  TRY(check_cell_name(name));
  TRY(check_cell_value(name, new_value));
  const std::lock_guard lock(mutex_);
  const auto at = cells_.find(name);
  if ((at == cells_.end() ? std::string_view() : std::string_view(at->second)) != old_value) return false;
  TRY(set(name, std::string(new_value)));
  return true;
}

Result<std::string> CellStore::add(std::string_view name, std::string_view n) {
  TRY(check_cell_name(name));
  const std::lock_guard lock(mutex_);
  const auto at = cells_.find(name);
  std::string sum = TRY(add_integers(at == cells_.end() ? std::string_view("0") : at->second, n));
  TRY(set(name, std::string(sum)));
  return sum;
}

std::vector<std::string> CellStore::list(std::string_view prefix, size_t limit) const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (auto at = cells_.lower_bound(prefix); at != cells_.end() && names.size() < limit; ++at) {
    if (!at->first.starts_with(prefix)) break;
    names.push_back(at->first);
  }
  return names;
}

size_t CellStore::size() const {
  const std::lock_guard lock(mutex_);
  return cells_.size();
}

}  // namespace phios
