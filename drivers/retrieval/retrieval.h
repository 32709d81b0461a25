// The retrieval driver: documents in collections, in one SQLite database with full text (FTS5), ranked by
// BM25.
//
// Ownership: the caller owns the driver. Threads: any, at once. Lifetime: Env outlives it; destroying it
// cancels what runs. Several processes may use one database at once. docs/formats/collections.md describes
// the file.
#pragma once

#include <memory>
#include <string>

#include "drivers/api/retrieval.h"

namespace phios {

inline constexpr size_t kDocumentMax = size_t{8} << 20;  // bytes of text
inline constexpr size_t kDocumentIdMax = 1024;           // bytes
inline constexpr size_t kTitleMax = 255;                 // bytes; a longer one is cut

// The database is DIRECTORY/documents.db; both are made if need be.
Result<std::unique_ptr<RetrievalDriver>> open_retrieval(Env& env, const std::string& directory);

}  // namespace phios
