// Retrieval 𝒟 and ℛ: documents in collections, found by full text.
//
// Ownership: kernel/boot owns the driver. Threads: any, at once. Errors: ENOENT_ (no such collection or
// document), EINVAL_, ETOOBIG_, EBUSY_, EIO_.
#pragma once

#include <string>
#include <vector>

#include "drivers/api/op.h"

namespace phios {

struct Passage {
  std::string id;
  std::string text;  // at most PHI_PASSAGE_MAX bytes
  double score = 0;  // larger is better
};

struct RetrieveRequest {
  std::string collection = "default";
  std::string query;  // words; never a query language
  size_t k = 3;       // 1 … PHI_RETRIEVE_MAX
  Nanos deadline = kNever;
};

struct Document {
  std::string id;
  std::string text;
  std::string title{};  // stands before each passage; empty: the first Markdown heading, if there is one
};

class RetrievalDriver {
 public:
  virtual ~RetrievalDriver() = default;
  virtual OpRef retrieve(RetrieveRequest request, Completion<std::vector<Passage>> done) = 0;
  // Adds or replaces documents, all or none; the number of passages written.
  virtual OpRef index(std::string collection, std::vector<Document> documents, Completion<size_t> done) = 0;
  virtual OpRef get(std::string collection, std::string id, Completion<std::string> done) = 0;
  virtual OpRef remove(std::string collection, std::string id, Completion<bool> done) = 0;
  virtual Result<std::vector<std::string>> collections() = 0;
};

}  // namespace phios
