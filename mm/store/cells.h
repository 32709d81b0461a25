// External memory ℳ: named cells. Private ones belong to a process, /shm/ ones to a process group, /mem/ ones
// last (mm/store/durable.h).
//
// Ownership: a CellStore owns its values. Threads: any, at once. Units: bytes. A name is valid UTF-8 without
// NUL, at most PHI_CELL_NAME_MAX; a value at most PHI_CELL_MAX. An empty value is absence. Errors: ENOENT_,
// ETOOBIG_, EINVAL_, ELIMIT_ (too many cells), EIO_.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

enum class CellKind { kPrivate, kShared, kDurable };
// Where a name belongs, by its prefix "/shm/" or "/mem/".
CellKind cell_kind(std::string_view name);
Status check_cell_name(std::string_view name);
Status check_cell_value(std::string_view name, std::string_view value);

// Adds two integers without bound, written in decimal. EINVAL_ when either is none, ETOOBIG_ past
// PHI_CELL_MAX digits.
Result<std::string> add_integers(std::string_view a, std::string_view b);

// A store of cells in memory: every call is atomic. Copying copies the cells (fork).
class CellStore {
 public:
  explicit CellStore(size_t max_cells);
  CellStore(const CellStore& other);
  CellStore& operator=(const CellStore&) = delete;

  Result<std::string> read(std::string_view name) const;  // ENOENT_ when absent
  Status write(std::string_view name, std::string_view value);
  Status move(std::string_view dst, std::string_view src);
  Status copy(std::string_view dst, std::string_view src);
  Status erase(std::string_view name);
  Result<bool> compare_and_swap(std::string_view name, std::string_view old_value,
                                std::string_view new_value);
  Result<std::string> add(std::string_view name, std::string_view n);
  std::vector<std::string> list(std::string_view prefix, size_t limit) const;  // a snapshot, sorted
  size_t size() const;

 private:
  Status set(std::string_view name, std::string&& value);

  mutable std::mutex mutex_;  // guards cells_
  std::map<std::string, std::string, std::less<>> cells_;
  size_t max_cells_;
};

}  // namespace phios
