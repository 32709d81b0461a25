// A model's own rotations of keys and values (mm/kv_view.h), as its file's metadata holds them: an array of
// F32 for each of the four, under keys of its own, which other engines pass over.
//
// Ownership: the values are the caller's. Threads: pure functions. Errors: EPARSE_ (an array is missing, has
// another length than the model's shape asks for, too large a number, or undoes no other).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/model/native/gguf.h"
#include "mm/kv_view.h"

namespace phios {

inline constexpr std::string_view kRotationPrefix = "phios.rotation.";
std::vector<std::string> rotation_keys();  // all of them

// Null: the file has none.
Result<std::unique_ptr<const KvRotations>> read_rotations(const Gguf& file, const KvShape& shape);

// The file with these in place of those that it had.
std::vector<std::byte> write_rotations(const Gguf& file, const KvRotations& rotations);

}  // namespace phios
