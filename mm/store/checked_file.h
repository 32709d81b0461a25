// A file that is written or read from front to back, with the XXH3 checksum of all that has passed.
//
// Ownership: owns the descriptor. Threads: one. Units: bytes. Errors: EIO_ with the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

class CheckedFile {
 public:
  static Result<CheckedFile> create(const std::string& path);  // which must not exist
  static Result<CheckedFile> open(const std::string& path);
  CheckedFile(CheckedFile&&) noexcept;
  ~CheckedFile();

  Status write(const void* data, size_t bytes);
  Status read(void* data, size_t bytes);  // all of it: a file that ends before is damaged
  // The checksum so far, written behind what it is of, or read and compared.
  Status write_checksum();
  Status check_checksum();
  Status flush();       // everything written is on the disk
  size_t left() const;  // of a file that is read
  Error damaged(std::string_view what) const;

 private:
  struct State;
  explicit CheckedFile(std::unique_ptr<State> state);
  Status drain();
  std::unique_ptr<State> state_;
};

}  // namespace phios
